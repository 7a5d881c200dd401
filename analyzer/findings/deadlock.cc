#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "analyzer/findings/lock_findings.h"

namespace perfagent {
namespace {

// Which thread waited first is chance: the cycle is accused by the lock whose name comes first, the same in every process.
const Lock& FirstOf(const NamedProfile& named, const std::vector<size_t>& cycle) {
  const LockProfile& locks = named.profile.locks;
  const auto lock_of = [&](size_t i) -> const Lock& {
    return locks.locks[locks.unended[i].lock.value()];
  };
  const auto name_of = [&](size_t i) { return SharedLockName(lock_of(i), &named.names); };
  return lock_of(*std::min_element(cycle.begin(), cycle.end(),
                                   [&](size_t a, size_t b) { return name_of(a) < name_of(b); }));
}

}  // namespace

void FindDeadlocked(const NamedProfile& named, Findings* findings) {
  const LockProfile& locks = named.profile.locks;
  for (const std::vector<size_t>& cycle : locks.deadlocks) {
    Finding finding = Accuse(named, FirstOf(named, cycle), "deadlock");
    finding.title = absl::StrCat(cycle.size(), " threads wait for one another for ever");
    for (const size_t i : cycle) {
      const UnendedWait& wait = locks.unended[i];
      finding.evidence.push_back(
          absl::StrCat("thread ", wait.tid, " waits for ",
                       LockName(locks.locks[wait.lock.value()], &named.names), ", held by thread ",
                       wait.owner_tid));
    }
    finding.gain = "the program goes on";
    finding.remedy = cycle.size() == 1 ? "do not take a lock that this thread holds"
                                       : "take these locks in one order everywhere";
    finding.confidence = Confidence::kHigh;
    finding.stake = std::numeric_limits<double>::infinity();
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
