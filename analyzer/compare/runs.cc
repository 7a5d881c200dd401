#include "analyzer/compare/runs.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace perfagent {
namespace {

bool LivedWhenBegan(const ProcessOrigin& older, const ProcessOrigin& younger) {
  return older.host == younger.host && older.start_ns <= younger.start_ns &&
         younger.start_ns <= older.end_ns;
}

bool IsParent(const ProcessOrigin& older, const ProcessOrigin& younger) {
  return older.pid == younger.parent_pid && LivedWhenBegan(older, younger);
}

// In containers every run has the same pid, and one that was killed has no known end: only another program is known to
// have been exec'd.
bool IsReplaced(const ProcessOrigin& older, const ProcessOrigin& younger) {
  return older.pid == younger.pid && older.executable != younger.executable &&
         older.end_ns == UINT64_MAX && LivedWhenBegan(older, younger);
}

}  // namespace

std::vector<size_t> RunsOf(std::span<const ProcessOrigin> processes) {
  std::vector<size_t> by_start(processes.size());
  std::iota(by_start.begin(), by_start.end(), size_t{0});
  std::stable_sort(by_start.begin(), by_start.end(), [&](size_t a, size_t b) {
    return processes[a].start_ns < processes[b].start_ns;
  });
  std::vector<size_t> runs(processes.size());
  size_t count = 0;
  for (size_t i = 0; i < by_start.size(); ++i) {
    const ProcessOrigin& process = processes[by_start[i]];
    // The latest one: pids come again.
    const auto latest = [&](auto is_origin) -> std::optional<size_t> {
      for (size_t j = i; j-- > 0;) {
        if (is_origin(processes[by_start[j]], process)) return by_start[j];
      }
      return std::nullopt;
    };
    std::optional<size_t> origin = latest(IsParent);
    if (!origin) origin = latest(IsReplaced);
    runs[by_start[i]] = origin ? runs[*origin] : count++;
  }
  return runs;
}

}  // namespace perfagent
