// lock_hooks.cc: pthread mutexes, and C11's, which lock inside libc where the former's hooks do not see it. What each hook does: lock_call.h.

#include <pthread.h>
#include <threads.h>
#include <time.h>

#include "agent/export.h"
#include "agent/lock_call.h"
#include "agent/real.h"

namespace perfagent {

namespace {

template <LockApi kApi, auto* kTake>
using TakeMutex = lock_call::Take<kApi, kTake, &real::pthread_mutex_trylock>;
template <LockApi kApi, auto* kTake>
using TakeMtx = lock_call::Take<kApi, kTake, &real::mtx_trylock, C11Results>;

}  // namespace

extern "C" {

PERFAGENT_EXPORT int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  return TakeMutex<LockApi::kMutexLock, &real::pthread_mutex_lock>::Call(mutex);
}

PERFAGENT_EXPORT int pthread_mutex_timedlock(pthread_mutex_t* mutex,
                                             const timespec* until) noexcept {
  return TakeMutex<LockApi::kMutexTimedlock, &real::pthread_mutex_timedlock>::Call(mutex, until);
}

PERFAGENT_EXPORT int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock,
                                             const timespec* until) noexcept {
  // The one argument that libc refuses even when the lock is free.
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
    return real::pthread_mutex_clocklock(mutex, clock, until);
  }
  return TakeMutex<LockApi::kMutexClocklock, &real::pthread_mutex_clocklock>::Call(mutex, clock,
                                                                                   until);
}

PERFAGENT_EXPORT int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  return lock_call::Try<LockApi::kMutexTrylock, &real::pthread_mutex_trylock>::Call(mutex);
}

PERFAGENT_EXPORT int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  return lock_call::Release<LockApi::kMutexUnlock, &real::pthread_mutex_unlock>::Call(mutex);
}

PERFAGENT_EXPORT int mtx_lock(mtx_t* mutex) {
  return TakeMtx<LockApi::kMtxLock, &real::mtx_lock>::Call(mutex);
}

PERFAGENT_EXPORT int mtx_timedlock(mtx_t* mutex, const timespec* until) {
  return TakeMtx<LockApi::kMtxTimedlock, &real::mtx_timedlock>::Call(mutex, until);
}

PERFAGENT_EXPORT int mtx_trylock(mtx_t* mutex) {
  return lock_call::Try<LockApi::kMtxTrylock, &real::mtx_trylock, C11Results>::Call(mutex);
}

PERFAGENT_EXPORT int mtx_unlock(mtx_t* mutex) {
  return lock_call::Release<LockApi::kMtxUnlock, &real::mtx_unlock>::Call(mutex);
}

// The names that programs linked long ago know them by.
PERFAGENT_EXPORT int __pthread_mutex_lock(pthread_mutex_t*) noexcept
    __attribute__((alias("pthread_mutex_lock")));
PERFAGENT_EXPORT int __pthread_mutex_trylock(pthread_mutex_t*) noexcept
    __attribute__((alias("pthread_mutex_trylock")));
PERFAGENT_EXPORT int __pthread_mutex_unlock(pthread_mutex_t*) noexcept
    __attribute__((alias("pthread_mutex_unlock")));

}  // extern "C"

}  // namespace perfagent
