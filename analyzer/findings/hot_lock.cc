#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

// Of the process's time, all threads' waits added up.
constexpr double kMuch = 0.1;
// Waits that are worth a word where the lock is held most of the time.
constexpr double kSome = 0.01;
constexpr double kMostlyHeld = 0.5;

void AddPair(const NamedProfile& named, const Lock& lock, Finding* finding) {
  if (lock.pairs.empty()) return;
  const LockPair& pair = lock.pairs.front();
  const SourceFrame* waiter = named.names.Headline(pair.waiter);
  const SourceFrame* holder = named.names.Headline(pair.holder);
  if (waiter == nullptr || holder == nullptr) return;
  finding->evidence.push_back(absl::StrCat("most of it ", waiter->function, " waited for ",
                                           holder->function, ": ",
                                           FormatDuration(pair.wait_ns.value())));
}

}  // namespace

void FindHotLocks(const NamedProfile& named, Findings* findings) {
  const ProcessFacts& facts = named.profile.dump.process.facts;
  const auto duration_ns = static_cast<double>(facts.duration_ns);
  for (const Lock* lock : SlowLocks(named, kSome)) {
    const double held = lock->kind == LockKind::kRwlock ? 0 : Utilisation(*lock, facts).value_or(0);
    const auto wait_ns = static_cast<double>(lock->wait_ns);
    if (held < kMostlyHeld && wait_ns < kMuch * duration_ns) continue;
    Finding finding = Accuse(named, *lock, "hot_lock");
    finding.title = absl::StrCat("threads waited ", FormatDuration(wait_ns), " for one lock");
    finding.evidence.push_back(absl::StrCat(FormatCount(static_cast<double>(lock->contended)),
                                            " waits in ", FormatDuration(duration_ns)));
    AddPair(named, *lock, &finding);
    if (held > 0)
      finding.evidence.push_back(absl::StrCat("held ", FormatShare(held, 1), " of the time"));
    finding.gain =
        held > 0 && held <= 1
            ? absl::StrFormat("with sections half as long at most %.3g times the throughput",
                              1 / (1 - held / 2))
            : absl::StrCat("at most ", FormatDuration(wait_ns), " of waiting");
    finding.gains.time_ns = WaitNs(*lock);
    finding.remedy = "do less while it is held, or split what it protects";
    finding.confidence = held >= kMostlyHeld ? Confidence::kHigh : Confidence::kMedium;
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
