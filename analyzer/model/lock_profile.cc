#include "analyzer/model/lock_profile.h"

namespace perfagent {

void LockHolds::Merge(const LockHolds& other) {
  sections.Merge(other.sections);
  hold_ns.Merge(other.hold_ns);
  distribution.Merge(other.distribution);
  running_ns.Merge(other.running_ns);
  running_of_ns.Merge(other.running_of_ns);
  allocations.Merge(other.allocations);
  bytes.Merge(other.bytes);
  allocator_ns.Merge(other.allocator_ns);
  nested_waits.Merge(other.nested_waits);
  nested_wait_ns.Merge(other.nested_wait_ns);
  idle_ns.Merge(other.idle_ns);
}

void LockProfile::SumLocks() {
  contended = 0;
  wait_ns = 0;
  hand_over_ns = {};
  unattributed_ns = {};
  doubt = {};
  for (const Lock& lock : locks) {
    if (!lock.is_lock) continue;
    contended += lock.contended;
    wait_ns += lock.wait_ns;
    hand_over_ns.Merge(lock.hand_over_ns);
    unattributed_ns.Merge(lock.unattributed_ns);
    if (tables) doubt.Add(DoubtOf(lock));
  }
}

Waits LockProfile::Whole() const {
  Waits whole = *tables;
  for (const Lock& lock : locks) {
    if (lock.is_lock && !IsLock(lock.kind))
      whole.Add(lock.at_address.contended, lock.at_address.wait_ns);
  }
  return whole;
}

}  // namespace perfagent
