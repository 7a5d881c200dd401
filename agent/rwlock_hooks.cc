// rwlock_hooks.cc: pthread read-write locks, which std::shared_mutex is made of. What each hook does: lock_call.h.
//
// Readers and writers are told apart by the function that they call. Unlock does not say which it ends: it is one of its own.

#include <pthread.h>
#include <time.h>

#include "agent/deadline.h"
#include "agent/export.h"
#include "agent/lock_call.h"
#include "agent/real.h"

namespace perfagent {

namespace {

template <LockApi kApi, auto* kTake>
using Read = lock_call::Take<kApi, kTake, &real::pthread_rwlock_tryrdlock>;
template <LockApi kApi, auto* kTake>
using Write = lock_call::Take<kApi, kTake, &real::pthread_rwlock_trywrlock>;

}  // namespace

extern "C" {

PERFAGENT_EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  return Read<LockApi::kRwlockRdlock, &real::pthread_rwlock_rdlock>::Call(lock);
}

PERFAGENT_EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  return Write<LockApi::kRwlockWrlock, &real::pthread_rwlock_wrlock>::Call(lock);
}

PERFAGENT_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t* lock,
                                                const timespec* until) noexcept {
  if (deadline::IsRefused(CLOCK_REALTIME, until))
    return real::pthread_rwlock_timedrdlock(lock, until);
  return Read<LockApi::kRwlockTimedrdlock, &real::pthread_rwlock_timedrdlock>::Call(lock, until);
}

PERFAGENT_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t* lock,
                                                const timespec* until) noexcept {
  if (deadline::IsRefused(CLOCK_REALTIME, until))
    return real::pthread_rwlock_timedwrlock(lock, until);
  return Write<LockApi::kRwlockTimedwrlock, &real::pthread_rwlock_timedwrlock>::Call(lock, until);
}

PERFAGENT_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t clock,
                                                const timespec* until) noexcept {
  if (deadline::IsRefused(clock, until))
    return real::pthread_rwlock_clockrdlock(lock, clock, until);
  return Read<LockApi::kRwlockClockrdlock, &real::pthread_rwlock_clockrdlock>::Call(lock, clock,
                                                                                    until);
}

PERFAGENT_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock,
                                                const timespec* until) noexcept {
  if (deadline::IsRefused(clock, until))
    return real::pthread_rwlock_clockwrlock(lock, clock, until);
  return Write<LockApi::kRwlockClockwrlock, &real::pthread_rwlock_clockwrlock>::Call(lock, clock,
                                                                                     until);
}

PERFAGENT_EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) noexcept {
  return lock_call::Try<LockApi::kRwlockTryrdlock, &real::pthread_rwlock_tryrdlock>::Call(lock);
}

PERFAGENT_EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) noexcept {
  return lock_call::Try<LockApi::kRwlockTrywrlock, &real::pthread_rwlock_trywrlock>::Call(lock);
}

PERFAGENT_EXPORT int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
  return lock_call::Release<LockApi::kRwlockUnlock, &real::pthread_rwlock_unlock>::Call(lock);
}

// The names that programs linked long ago know them by.
PERFAGENT_EXPORT int __pthread_rwlock_rdlock(pthread_rwlock_t*) noexcept
    __attribute__((alias("pthread_rwlock_rdlock")));
PERFAGENT_EXPORT int __pthread_rwlock_wrlock(pthread_rwlock_t*) noexcept
    __attribute__((alias("pthread_rwlock_wrlock")));
PERFAGENT_EXPORT int __pthread_rwlock_tryrdlock(pthread_rwlock_t*) noexcept
    __attribute__((alias("pthread_rwlock_tryrdlock")));
PERFAGENT_EXPORT int __pthread_rwlock_trywrlock(pthread_rwlock_t*) noexcept
    __attribute__((alias("pthread_rwlock_trywrlock")));
PERFAGENT_EXPORT int __pthread_rwlock_unlock(pthread_rwlock_t*) noexcept
    __attribute__((alias("pthread_rwlock_unlock")));

}  // extern "C"

}  // namespace perfagent
