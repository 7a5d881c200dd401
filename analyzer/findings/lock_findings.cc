#include "analyzer/findings/lock_findings.h"

#include <algorithm>

#include "analyzer/findings/allocator_waits.h"

namespace perfagent {

Findings FindLockProblems(const NamedProfile& named) {
  Findings findings;
  FindDeadlocked(named, &findings);
  FindLockOrders(named, &findings);
  FindHotLocks(named, &findings);
  FindConvoys(named, &findings);
  FindWaitingWriters(named, &findings);
  FindThunderingHerds(named, &findings);
  FindAllocationsUnderLocks(named, &findings);
  FindPolling(named, &findings);
  FindFalseSharing(named, &findings);
  return findings;
}

std::vector<const Lock*> LocksOfProgram(const NamedProfile& named) {
  std::vector<const Lock*> locks = KnownLocks(named.profile.locks);
  std::erase_if(locks, [&](const Lock* lock) { return IsOfAllocator(named, *lock); });
  return locks;
}

std::vector<const Lock*> SlowLocks(const NamedProfile& named, double least_share) {
  std::vector<const Lock*> slow = LocksOfProgram(named);
  const double least_ns =
      least_share * static_cast<double>(named.profile.dump.process.facts.duration_ns);
  std::erase_if(slow, [&](const Lock* lock) {
    return !lock->is_lock || lock->contended == 0 || static_cast<double>(lock->wait_ns) < least_ns;
  });
  return slow;
}

double WaitShare(const NamedProfile& named, const Lock& lock) {
  const auto duration_ns = static_cast<double>(named.profile.dump.process.facts.duration_ns);
  return duration_ns > 0 ? static_cast<double>(lock.wait_ns) / duration_ns : 0;
}

Estimate WaitNs(const Lock& lock, Waiters waiters) {
  const uint64_t wait_ns = waiters == Waiters::kWriters ? WritersOf(lock).wait_ns : lock.wait_ns;
  const Doubt doubt = DoubtOf(lock, waiters);
  return {static_cast<double>(wait_ns),
          static_cast<double>(wait_ns - std::min(wait_ns, doubt.fewer.wait_ns)),
          static_cast<double>(wait_ns + doubt.more.wait_ns)};
}

Finding Accuse(const NamedProfile& named, const Lock& lock, const char* kind) {
  return {.kind = kind,
          .title = {},
          .where = {.lock = LockName(lock, &named.names),
                    .address = lock.address,
                    .lock_anywhere = SharedLockName(lock, &named.names)},
          .evidence = {},
          .gain = {},
          .remedy = {},
          .stake = WaitShare(named, lock)};
}

}  // namespace perfagent
