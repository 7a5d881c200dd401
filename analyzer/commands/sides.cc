#include "analyzer/commands/sides.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "analyzer/compare/runs.h"
#include "analyzer/compare/side_builder.h"
#include "analyzer/dump/clock_map.h"
#include "analyzer/model/futex_locks.h"
#include "analyzer/model/suppressions.h"

namespace perfagent {
namespace {

struct RunOfDump {
  std::string path;
  size_t run;
};

void WarnOfLoss(const LoadedDump& dump) {
  const uint64_t lost = dump.process.facts.TotalLost();
  if (lost == 0) return;
  PrintError(absl::StrCat(dump.path, ": lost ", lost,
                          " events: figures are too low, and a lost free looks like a leak"));
}

// From the headers alone. What cannot be opened is a run of its own, and is complained of when it is loaded.
std::vector<RunOfDump> ByRun(const std::vector<std::string>& dumps) {
  std::vector<ProcessOrigin> origins;
  origins.reserve(dumps.size());
  for (const std::string& path : dumps) {
    std::string error;
    const std::optional<DumpFile> file = DumpFile::Open(path, &error);
    if (!file) {
      origins.emplace_back().host = path;
      continue;
    }
    const ProcessFacts facts = FactsOf(file->header(), ClockMap(file->header(), {}));
    ProcessOrigin origin{facts.host, facts.executable, facts.pid, facts.parent_pid,
                         facts.start_realtime_ns};
    if (facts.ended == Ended::kExited) origin.end_ns = origin.start_ns + facts.duration_ns;
    origins.push_back(std::move(origin));
  }
  const std::vector<size_t> runs = RunsOf(origins);
  std::vector<RunOfDump> by_run;
  by_run.reserve(dumps.size());
  for (size_t i = 0; i < dumps.size(); ++i) by_run.push_back({dumps[i], runs[i]});
  std::stable_sort(by_run.begin(), by_run.end(),
                   [](const RunOfDump& a, const RunOfDump& b) { return a.run < b.run; });
  return by_run;
}

// Numbers the runs without gaps: those of which no dump could be used are none.
class RunCounter {
 public:
  size_t Number(size_t run) {
    if (!last_ || *last_ != run) ++count_;
    last_ = run;
    return count_ - 1;
  }

 private:
  std::optional<size_t> last_;
  size_t count_ = 0;
};

}  // namespace

ExitCode SideLoader::Load(const Inputs& inputs, Side* side) {
  for (const UnusableInput& unusable : inputs.unusable) PrintError(unusable.error);
  bool is_partial = !inputs.unusable.empty();
  symbolizer_.Start();
  SideBuilder builder;
  RunCounter runs;
  for (const RunOfDump& dump : ByRun(inputs.dumps)) {
    std::string error;
    std::optional<Profile> profile = LoadProfileWith(threads_, dump.path, &error);
    if (!profile) {
      PrintError(error);
      is_partial = true;
      continue;
    }
    WarnOfDamage(profile->dump);
    WarnOfLoss(profile->dump);
    is_partial = is_partial || !profile->dump.damage.empty();
    StackNames names(profile->dump.process, &symbolizer_);
    Suppress(profile->dump.process, &names, &profile->heap);
    if (prepare_) prepare_(&names, &profile->heap);
    FindFutexLocks(&names, &profile->locks);
    builder.Add(runs.Number(dump.run), {*profile, names});
  }
  *side = builder.Finish();
  if (side->runs == 0) return ExitCode::kUnusable;
  return is_partial ? ExitCode::kPartial : ExitCode::kFine;
}

ExitCode WorseOf(ExitCode a, ExitCode b) { return std::max(a, b); }

}  // namespace perfagent
