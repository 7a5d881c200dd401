// lock_hooks.cc: pthread mutexes.
//
// While the program has one thread, the hooks only forward. Otherwise they try first: success is an uncontended
// acquisition, EBUSY is a wait, and every other result is the guest's answer (EOWNERDEAD holds the lock). Trying first
// costs what forwarding costs once threads run, and makes contended counts exact; the lock word would miss waits.

#include <errno.h>
#include <pthread.h>
#include <sys/single_threaded.h>

#include "agent/export.h"
#include "agent/real.h"
#include "agent/record_lock.h"
#include "agent/thread_state.h"

namespace perfagent {

namespace {

// Robust, priority-inheriting and priority-protected mutexes (glibc's kind bits 16, 32, 64): trying first would change
// priorities or the owner's list, so the call itself is what happens, with the clock around it.
constexpr int kProtocolKinds = 16 | 32 | 64;
bool HasProtocol(const pthread_mutex_t* mutex) {
  return (mutex->__data.__kind & kProtocolKinds) != 0;
}

// For those kinds the lock word says whether somebody else holds it: a thread id, or, below a ceiling, 0, 1 or 2.
bool HeldByAnother(const pthread_mutex_t* mutex) {
  constexpr int kOwnerOrState = 0x3fffffff;
  constexpr int kCeiling = static_cast<int>(0xfff80000);
  const int word = __atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED);
  if ((mutex->__data.__kind & 64) != 0) return (word & ~kCeiling) != 0;
  return (word & kOwnerOrState) != 0;
}

uint64_t Caller(void* return_address) { return reinterpret_cast<uint64_t>(return_address); }

template <LockApi kApi, typename Block>
[[gnu::noinline]] int TimedWait(pthread_mutex_t* mutex, uint64_t caller, Block block) {
  const lock::Wait wait = lock::BeginWait();
  const int result = block();
  lock::EndWait(kApi, mutex, caller, wait, result);
  return result;
}

// What every form of lock does, but for counting acquisitions.
template <LockApi kApi, typename Block>
[[gnu::always_inline]] inline int Acquire(pthread_mutex_t* mutex, uint64_t caller, Block block) {
  if (__libc_single_threaded != 0) return block();
  if (HasProtocol(mutex)) [[unlikely]] {
    return HeldByAnother(mutex) ? TimedWait<kApi>(mutex, caller, block) : block();
  }
  const int result = real::pthread_mutex_trylock(mutex);
  if (result != EBUSY) [[likely]]
    return result;
  return TimedWait<kApi>(mutex, caller, block);
}

bool Holds(int result) { return result == 0 || result == EOWNERDEAD; }

template <LockApi kApi, typename Block>
[[gnu::noinline]] int RecordedAcquire(pthread_mutex_t* mutex, uint64_t caller, Block block) {
  const int result = Acquire<kApi>(mutex, caller, block);
  if (Holds(result)) lock::RecordAcquisition(kApi, mutex);
  return result;
}

template <LockApi kApi, typename Block>
[[gnu::always_inline]] inline int Lock(pthread_mutex_t* mutex, uint64_t caller, Block block) {
  if (!thread_state.SpendLock()) [[unlikely]] {
    return RecordedAcquire<kApi>(mutex, caller, block);
  }
  return Acquire<kApi>(mutex, caller, block);
}

}  // namespace

extern "C" {

PERFAGENT_EXPORT int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  return Lock<LockApi::kMutexLock>(mutex, Caller(__builtin_return_address(0)),
                                   [=] { return real::pthread_mutex_lock(mutex); });
}

PERFAGENT_EXPORT int pthread_mutex_timedlock(pthread_mutex_t* mutex,
                                             const timespec* until) noexcept {
  return Lock<LockApi::kMutexTimedlock>(mutex, Caller(__builtin_return_address(0)), [=] {
    return real::pthread_mutex_timedlock(mutex, until);
  });
}

PERFAGENT_EXPORT int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock,
                                             const timespec* until) noexcept {
  // The one argument that libc refuses even when the lock is free.
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
    return real::pthread_mutex_clocklock(mutex, clock, until);
  }
  return Lock<LockApi::kMutexClocklock>(mutex, Caller(__builtin_return_address(0)), [=] {
    return real::pthread_mutex_clocklock(mutex, clock, until);
  });
}

// A refused try is neither an acquisition nor a wait: only those that hold the lock count.
PERFAGENT_EXPORT int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  const int result = real::pthread_mutex_trylock(mutex);
  if (Holds(result) && !thread_state.SpendLock()) [[unlikely]] {
    lock::RecordAcquisition(LockApi::kMutexTrylock, mutex);
  }
  return result;
}

PERFAGENT_EXPORT int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  return real::pthread_mutex_unlock(mutex);
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
