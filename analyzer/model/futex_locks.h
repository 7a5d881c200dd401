// futex_locks.h: which futexes are locks.
//
// A futex is a word that threads wait at: a lock of Rust's or Abseil's, or a condition, or a thread's own semaphore. What it
// is only the waiting code knows, so it is told by the names of the functions on the waiters' stacks.
#pragma once

#include "analyzer/model/lock_profile.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {

// Is this a function in which a thread waits for a lock, and for nothing else?
bool IsLockFunction(const std::string& function);

// Marks the futexes that are waited for as locks most of the time. Abseil's threads wait each at a word of its own, whatever
// they wait for: of these, all whose first wait was made at one place in the program become one.
void FindFutexLocks(StackNames* names, LockProfile* locks);

}  // namespace perfagent
