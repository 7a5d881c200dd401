#include "absl/strings/str_cat.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr double kSome = 0.01;
// Of the time that the lock is held.
constexpr double kMuch = 0.2;

}  // namespace

void FindAllocationsUnderLocks(const NamedProfile& named, Findings* findings) {
  for (const Lock* lock : SlowLocks(named, kSome)) {
    const LockHolds& holds = *lock->holds;
    const double allocator_ns = holds.allocator_ns.value();
    if (allocator_ns <= 0 || allocator_ns < kMuch * holds.hold_ns.value()) continue;
    Finding finding = Accuse(named, *lock, "alloc_under_lock");
    finding.title = "memory is allocated while a contended lock is held";
    finding.evidence = {absl::StrCat(FormatShare(allocator_ns, holds.hold_ns.value()),
                                     " of the time that it is held is spent in the allocator"),
                        absl::StrCat("about ", FormatCount(holds.allocations.value()),
                                     " allocations of ", FormatBytes(holds.bytes.value()))};
    finding.gains.time_ns = holds.allocator_ns.Interval();
    finding.gain =
        absl::StrCat("sections shorter by ", FormatShare(allocator_ns, holds.hold_ns.value()));
    finding.remedy = "allocate before it is taken, and free after it is released";
    finding.confidence = Confidence::kHigh;
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
