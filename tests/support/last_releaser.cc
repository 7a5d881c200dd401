#include "tests/support/last_releaser.h"

#include <functional>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <variant>

#include "analyzer/model/stack_names.h"
#include "analyzer/replay/load_profile.h"
#include "tests/support/report.h"

namespace perfagent::test {
namespace {

// Calls handle(stream number, record) for every record, stream by stream.
void ForEachRecord(const LoadedDump& dump,
                   const std::function<void(uint32_t, const perfagent::Record&)>& handle) {
  for (const Stream& stream : dump.index.streams) {
    StreamCursor cursor(dump.file, dump.index.clock, stream);
    for (perfagent::Record record; cursor.Next(&record);) handle(stream.number, record);
  }
}

// Stacks of releases that cuts left open, by stream, lock and time.
class Releases {
 public:
  explicit Releases(const LoadedDump& dump) {
    ForEachRecord(dump, [this](uint32_t stream, const perfagent::Record& record) {
      const auto* release = std::get_if<LockReleaseRecord>(&record);
      if (release != nullptr) stacks_[{stream, release->lock, release->time}] = release->stack;
    });
  }
  // The one closest in time, if it is as close as the rounding of both times.
  uint64_t StackAt(uint64_t stream, uint64_t lock, uint64_t time_ns) const {
    constexpr uint64_t kRoundingNs = 4;
    const auto found = stacks_.lower_bound({stream, lock, time_ns - kRoundingNs});
    if (found == stacks_.end()) return 0;
    const auto& [its_stream, its_lock, its_time_ns] = found->first;
    if (its_stream != stream || its_lock != lock || its_time_ns > time_ns + kRoundingNs) return 0;
    return found->second;
  }

 private:
  std::map<std::tuple<uint64_t, uint64_t, uint64_t>, uint64_t> stacks_;
};

uint64_t StackOfLastRelease(const LockWaitRecord& wait, const Releases& releases) {
  if (wait.count == 0) return 0;
  const WaitCut& last = wait.cuts[wait.count - 1];
  if (last.stack != 0) return last.stack;
  return releases.StackAt(last.stream, wait.lock, wait.time + last.after);
}

std::string WhichIsOn(const std::vector<const SourceFrame*>& frames,
                      const std::vector<std::string>& functions) {
  for (const SourceFrame* frame : frames) {
    for (const std::string& function : functions) {
      if (IsFunction(frame->function, function)) return function;
    }
  }
  return "";
}

}  // namespace

std::map<std::string, double> BlameLastReleaser(const std::filesystem::path& path,
                                                const std::vector<std::string>& functions) {
  Workers workers(1);
  std::string error;
  const std::optional<LoadedDump> dump = LoadDump(path, Reading::kDefinitions, &workers, &error);
  if (!dump) throw std::runtime_error(error);
  Symbolizer symbolizer({});
  StackNames names(dump->process, &symbolizer);
  const Releases releases(*dump);
  std::map<std::string, double> blame;
  ForEachRecord(*dump, [&](uint32_t, const perfagent::Record& record) {
    const auto* wait = std::get_if<LockWaitRecord>(&record);
    if (wait == nullptr) return;
    const LockKind kind = KindOf(wait->api);
    if (kind != LockKind::kMutex && kind != LockKind::kRwlock) return;
    const std::optional<StackId> stack =
        dump->process.FindStack(StackOfLastRelease(*wait, releases));
    blame[WhichIsOn(names.Frames(stack.value_or(kNoStack)), functions)] +=
        static_cast<double>(wait->wait);
  });
  return blame;
}

}  // namespace perfagent::test
