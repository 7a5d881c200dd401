#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/findings/lock_findings.h"

namespace perfagent {
namespace {

// Nothing would be done any more: as much as all of one thread's time.
constexpr double kMayStopTheProgram = 1;

// Which lock a cycle begins with is chance: it is accused by the one whose name comes first, the same in every process.
uint64_t FirstOf(const NamedProfile& named, const std::vector<LockOrder>& cycle) {
  return std::min_element(cycle.begin(), cycle.end(),
                          [&](const LockOrder& a, const LockOrder& b) {
                            return SharedLockNameAt(a.lock, named) <
                                   SharedLockNameAt(b.lock, named);
                          })
      ->lock;
}

Finding AccuseLockAt(const NamedProfile& named, uint64_t address, const char* kind) {
  const Lock* lock = LockAt(address, named.profile.locks);
  return Accuse(named, lock != nullptr ? *lock : Lock{.address = address}, kind);
}

}  // namespace

void FindLockOrders(const NamedProfile& named, Findings* findings) {
  for (const std::vector<LockOrder>& cycle : named.profile.locks.order_cycles) {
    Finding finding = AccuseLockAt(named, FirstOf(named, cycle), "lock_order");
    finding.title = absl::StrCat(cycle.size(), " locks are taken in contradicting orders");
    finding.gain = "a deadlock that may come is ruled out";
    finding.remedy =
        "take these locks in one order everywhere, or all at once with std::scoped_lock";
    finding.stake = kMayStopTheProgram;
    for (const LockOrder& order : cycle) {
      const SourceFrame* place = named.names.Headline(order.stack);
      finding.evidence.push_back(absl::StrCat(
          LockNameAt(order.lock, named), " was held when ", LockNameAt(order.then, named),
          " was taken", place == nullptr ? "" : absl::StrCat(" in ", place->function)));
    }
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
