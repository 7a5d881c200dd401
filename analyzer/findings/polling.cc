#include "absl/strings/str_cat.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr uint64_t kMany = 1000;
constexpr double kManyPerSecond = 100;
// A line that another processor holds is fetched.
constexpr double kTryNs = 100;

}  // namespace

void FindPolling(const NamedProfile& named, Findings* findings) {
  const double seconds = static_cast<double>(named.profile.dump.process.facts.duration_ns) / 1e9;
  for (const Lock* lock : LocksOfProgram(named)) {
    const auto refused = static_cast<double>(lock->refused);
    if (lock->refused < kMany || refused < kManyPerSecond * seconds) continue;
    Finding finding = Accuse(named, *lock, "polling");
    finding.title = "a lock is tried again and again";
    for (const LockPoller& poller : lock->pollers) {
      if (finding.evidence.size() == 3) break;
      finding.evidence.push_back(absl::StrCat(FormatCount(static_cast<double>(poller.refused)),
                                              " tries in vain by ",
                                              named.names.Headline(poller.pc)->function));
    }
    finding.gains.calls = Estimate::Exact(refused);
    finding.gain = "the time of these tries, and of those that they disturb";
    finding.stake = refused * kTryNs / (seconds * 1e9);
    finding.remedy = "wait for the lock, or do something else between two tries";
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
