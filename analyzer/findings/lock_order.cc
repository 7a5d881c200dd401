#include "absl/strings/str_cat.h"
#include "analyzer/findings/lock_findings.h"

namespace perfagent {
namespace {

// Nothing would be done any more: as much as all of one thread's time.
constexpr double kMayStopTheProgram = 1;

}  // namespace

void FindLockOrders(const NamedProfile& named, Findings* findings) {
  for (const std::vector<LockOrder>& cycle : named.profile.locks.order_cycles) {
    Finding finding{
        .kind = "lock_order",
        .title = absl::StrCat(cycle.size(), " locks are taken in contradicting orders"),
        .where = {.lock = LockNameAt(cycle.front().lock, named), .address = cycle.front().lock},
        .evidence = {},
        .gain = "a deadlock that may come is ruled out",
        .remedy = "take these locks in one order everywhere, or all at once with std::scoped_lock",
        .stake = kMayStopTheProgram};
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
