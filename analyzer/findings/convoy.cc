#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr uint64_t kFewWaits = 20;
// Of the acquisitions: nearly each is a hand-off.
constexpr double kHandOffs = 0.5;
// Releases during a wait: others were before.
constexpr double kQueue = 2;
constexpr double kWaitPerHold = 1.5;
constexpr double kSome = 0.01;

double MeanQueue(const Lock& lock) {
  double waits = 0;
  for (const LockWaits& part : lock.waits) waits += part.waits.value();
  return waits > 0 ? lock.cuts.value() / waits : 0;
}

}  // namespace

void FindConvoys(const NamedProfile& named, Findings* findings) {
  for (const Lock* lock : SlowLocks(named, kSome)) {
    if (lock->kept.waits < kFewWaits || lock->holds->sections.IsEmpty()) continue;
    const double acquisitions = lock->holds->sections.value();
    const auto contended = static_cast<double>(lock->contended);
    const double queue = MeanQueue(*lock);
    const auto hold_ns = static_cast<double>(lock->holds->distribution.Quantile(0.9));
    const auto wait_ns = static_cast<double>(lock->wait_distribution.Quantile(0.5));
    // A wait for one long section is none: here it is the many before.
    if (contended < kHandOffs * acquisitions || queue < kQueue || wait_ns < kWaitPerHold * hold_ns)
      continue;
    Finding finding = Accuse(named, *lock, "convoy");
    finding.title = "threads queue for a lock that each holds for a moment";
    finding.evidence = {
        absl::StrCat(FormatShare(contended, std::max(contended, acquisitions)),
                     " of the acquisitions waited"),
        absl::StrFormat("%.1f releases in a wait on average", queue),
        absl::StrCat("half of the waits are longer than ", FormatDuration(wait_ns),
                     ", nine in ten sections shorter than ", FormatDuration(hold_ns))};
    finding.gains.time_ns = WaitNs(*lock);
    finding.gain =
        absl::StrCat("at most ", FormatDuration(static_cast<double>(lock->wait_ns)), " of waiting");
    finding.remedy = "take it less often: work in batches, or give each thread its own part";
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
