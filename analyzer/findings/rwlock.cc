#include "absl/strings/str_cat.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr double kSome = 0.01;
// Of the time that is waited for the lock.
constexpr double kMostlyWriters = 0.5;

}  // namespace

void FindWaitingWriters(const NamedProfile& named, Findings* findings) {
  for (const Lock* lock : SlowLocks(named.profile.locks, named.profile.dump.process.facts, kSome)) {
    if (lock->kind != LockKind::kRwlock) continue;
    const Waits writers = WritersOf(*lock);
    const auto writers_ns = static_cast<double>(writers.wait_ns);
    if (writers_ns < kMostlyWriters * static_cast<double>(lock->wait_ns)) continue;
    Finding finding = Accuse(named, *lock, "rwlock");
    finding.title = "writers wait for a read-write lock";
    finding.evidence = {
        absl::StrCat("writers: ", FormatCount(static_cast<double>(writers.contended)), " waits, ",
                     FormatDuration(writers_ns)),
        absl::StrCat("readers: ", FormatCount(static_cast<double>(lock->readers.contended)),
                     " waits, ", FormatDuration(static_cast<double>(lock->readers.wait_ns)))};
    for (size_t i = 0; i < std::min<size_t>(lock->pairs.size(), 2); ++i) {
      const SourceFrame* holder = named.names.Headline(lock->pairs[i].holder);
      if (holder != nullptr) finding.evidence.push_back("held meanwhile by " + holder->function);
    }
    finding.gain = absl::StrCat("at most ", FormatDuration(writers_ns), " of waiting");
    finding.remedy = "read from a copy that writers replace, or prefer writers";
    finding.confidence = Confidence::kLow;
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
