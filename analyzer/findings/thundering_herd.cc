#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr uint64_t kFewBroadcasts = 10;
// Woken in vain by each, on average: one or two are no herd.
constexpr double kHerd = 2;
// Of those that were woken.
constexpr double kMostlyInVain = 0.5;

const LockReleaser* FirstBroadcaster(const Lock& lock) {
  for (const LockReleaser& releaser : lock.releasers) {
    if (IsBroadcast(releaser.api)) return &releaser;
  }
  return nullptr;
}

void AddEvidence(const NamedProfile& named, const Lock& lock, uint64_t broadcasts,
                 Finding* finding) {
  const auto woken = static_cast<double>(lock.contended);
  const auto futile = static_cast<double>(lock.futile_wakes);
  finding->evidence = {
      absl::StrFormat("%s broadcasts woke %s waiters", FormatCount(static_cast<double>(broadcasts)),
                      FormatCount(woken)),
      absl::StrCat(FormatShare(futile, std::max(futile, woken)),
                   " of these waited again without having let go of the mutex"),
      absl::StrCat("broadcast by ", named.names.Headline(FirstBroadcaster(lock)->pc)->function)};
  if (lock.reacquire_ns.value() > 0) {
    finding->evidence.push_back(
        absl::StrCat("from the wake to their turn with the mutex they waited ",
                     FormatDuration(lock.reacquire_ns.value())));
  }
}

}  // namespace

// Signals, too, may wake in vain: each one thread at most.
void FindThunderingHerds(const NamedProfile& named, Findings* findings) {
  for (const Lock* lock : LocksOfProgram(named)) {
    if (lock->kind != LockKind::kCondition) continue;
    const uint64_t broadcasts = BroadcastsOf(*lock);
    const uint64_t signals = lock->released - broadcasts;
    const uint64_t futile = lock->futile_wakes - std::min(lock->futile_wakes, signals);
    if (broadcasts < kFewBroadcasts) continue;
    if (static_cast<double>(futile) < kHerd * static_cast<double>(broadcasts)) continue;
    if (static_cast<double>(futile) < kMostlyInVain * static_cast<double>(lock->contended))
      continue;
    Finding finding = Accuse(named, *lock, "thundering_herd");
    finding.title = "a broadcast wakes threads that find nothing to do";
    AddEvidence(named, *lock, broadcasts, &finding);
    finding.gains.calls = Estimate::Exact(static_cast<double>(futile));
    finding.gain =
        absl::StrCat(FormatCount(static_cast<double>(futile)),
                     " wakes, each with two switches of threads and a turn of the mutex");
    finding.remedy = "signal as many threads as there is work for, or give each its own condition";
    // A thread that works with the mutex held looks the same.
    finding.confidence = Confidence::kMedium;
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
