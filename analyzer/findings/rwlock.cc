#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr double kSome = 0.01;
// Of the time that is waited for the lock.
constexpr double kMostlyWriters = 0.5;
// Of what writers waited.
constexpr double kMostlyForReaders = 0.5;
// Readers that leave during one writer's wait: one alone is a long section, more relieve one another.
constexpr double kRelieved = 1.5;

bool WaitForReaders(const Lock& lock) {
  const double readers_ns = lock.rwlock->writers_waited.for_readers_ns.value();
  const auto writers_ns = static_cast<double>(WritersOf(lock).wait_ns);
  return readers_ns >= kMostlyForReaders * writers_ns;
}

// In the mean over writers' waits; only kept ones have cuts.
double ReadersLeaving(const Lock& lock) {
  const WaitedFor& waited = lock.rwlock->writers_waited;
  return waited.waits.IsEmpty() ? 0 : waited.readers_left.value() / waited.waits.value();
}

void AddHolders(const NamedProfile& named, const Lock& lock, Finding* finding) {
  for (size_t i = 0; i < std::min<size_t>(lock.pairs.size(), 2); ++i) {
    const SourceFrame* holder = named.names.Headline(lock.pairs[i].holder);
    if (holder != nullptr) finding->evidence.push_back("held meanwhile by " + holder->function);
  }
}

void AccuseReaders(const Lock& lock, Finding* finding) {
  const double leaving = ReadersLeaving(lock);
  const bool are_relieved = leaving >= kRelieved;
  finding->title =
      are_relieved ? "writers are starved by readers" : "writers wait for long readers";
  finding->evidence.push_back(absl::StrCat(
      "writers waited ", FormatDuration(lock.rwlock->writers_waited.for_readers_ns.value()),
      " for readers, ", FormatDuration(lock.rwlock->writers_waited.for_writers_ns.value()),
      " for writers"));
  finding->evidence.push_back(
      absl::StrFormat("%.1f readers left during a writer's wait on average", leaving));
  finding->remedy = are_relieved
                        ? "prefer writers (PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP), or read "
                          "from a copy that writers replace"
                        : "read less at a time, or from a copy that writers replace";
  finding->confidence = Confidence::kHigh;
}

}  // namespace

void FindWaitingWriters(const NamedProfile& named, Findings* findings) {
  for (const Lock* lock : SlowLocks(named, kSome)) {
    if (lock->kind != LockKind::kRwlock) continue;
    const Waits writers = WritersOf(*lock);
    const auto writers_ns = static_cast<double>(writers.wait_ns);
    if (writers_ns < kMostlyWriters * static_cast<double>(lock->wait_ns)) continue;
    Finding finding = Accuse(named, *lock, "rwlock");
    finding.title = "writers wait for a read-write lock";
    finding.remedy = "read from a copy that writers replace, or write less at a time";
    finding.confidence = Confidence::kLow;
    finding.evidence = {
        absl::StrCat("writers: ", FormatCount(static_cast<double>(writers.contended)), " waits, ",
                     FormatDuration(writers_ns)),
        absl::StrCat("readers: ", FormatCount(static_cast<double>(lock->readers.contended)),
                     " waits, ", FormatDuration(static_cast<double>(lock->readers.wait_ns)))};
    if (WaitForReaders(*lock)) AccuseReaders(*lock, &finding);
    AddHolders(named, *lock, &finding);
    finding.gains.time_ns = WaitNs(*lock, Waiters::kWriters);
    finding.gain = absl::StrCat("at most ", FormatDuration(writers_ns), " of waiting");
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
