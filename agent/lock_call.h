// lock_call.h: what the hooks of all lock functions do alike: take, try, release.
//
// While the program has one thread, a lock call only counts down and goes on. Otherwise it tries first: success is an
// uncontended acquisition, EBUSY is a wait, and every other result is the guest's answer (EOWNERDEAD holds the lock). Trying first
// costs what going on costs once threads run, and makes contended counts exact; the lock word would miss waits.
//
// An unlock looks at one count of the wait table, and at one word of its thread (ThreadState::watch). Whether somebody waits is
// found out before the lock is released; afterwards it may be gone, and its address is only a name.
//
// The slow paths are jumped to with the hook's own arguments and its stack as it was at entry: the return address into the
// guest is read there, and the fast paths keep nothing for them (tests/e2e/fast_path_test.cc counts instructions).
#pragma once

#include <errno.h>
#include <pthread.h>
#include <sys/single_threaded.h>
#include <threads.h>

#include "agent/call_results.h"
#include "agent/record_lock.h"
#include "agent/thread_state.h"
#include "agent/wait_table.h"

namespace perfagent::lock_call {

// What a lock or another thing that is waited for is known by.
inline const void* NameOf(const volatile void* lock) { return const_cast<const void*>(lock); }

// Robust, priority-inheriting and priority-protected mutexes (glibc's kind bits 16, 32, 64): trying first would change
// priorities or the owner's list, so the call itself is what happens, with the clock around it.
constexpr int kProtocolKinds = 16 | 32 | 64;
inline bool HasProtocol(const pthread_mutex_t* mutex) {
  return (mutex->__data.__kind & kProtocolKinds) != 0;
}
inline bool HasProtocol(const volatile void*) { return false; }

// For those kinds the lock word says whether somebody else holds it: a thread id, or, below a ceiling, 0, 1 or 2.
inline bool HeldByAnother(const pthread_mutex_t* mutex) {
  constexpr int kOwnerOrState = 0x3fffffff;
  constexpr int kCeiling = static_cast<int>(0xfff80000);
  const int word = __atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED);
  if ((mutex->__data.__kind & 64) != 0) return (word & ~kCeiling) != 0;
  return (word & kOwnerOrState) != 0;
}
inline bool HeldByAnother(const volatile void*) { return true; }

// The thread that holds it, by its id, as far as the lock says so; 0: it does not.
inline uint64_t OwnerOf(const pthread_mutex_t* mutex) {
  return static_cast<uint32_t>(__atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED));
}
inline uint64_t OwnerOf(const mtx_t* mutex) {
  return OwnerOf(reinterpret_cast<const pthread_mutex_t*>(mutex));
}
inline uint64_t OwnerOf(const pthread_rwlock_t* lock) {
  return static_cast<uint32_t>(__atomic_load_n(&lock->__data.__cur_writer, __ATOMIC_RELAXED));
}
inline uint64_t OwnerOf(const volatile void*) { return 0; }

// How the calling thread, which is about to release it, holds it, as a cut's flags. No writer can hold what a reader does.
inline uint64_t HeldBy(const pthread_rwlock_t* lock) {
  return OwnerOf(lock) == 0 ? kCutByReader : 0;
}
inline uint64_t HeldBy(const volatile void*) { return 0; }

// Does this unlock give the lock away? An inner level of a recursive mutex does not.
inline bool IsLastLevel(const pthread_mutex_t* mutex) {
  constexpr int kTypes = 3;
  return (mutex->__data.__kind & kTypes) != PTHREAD_MUTEX_RECURSIVE || mutex->__data.__count <= 1;
}
// Inside it is the other one.
inline bool IsLastLevel(const mtx_t* mutex) {
  return IsLastLevel(reinterpret_cast<const pthread_mutex_t*>(mutex));
}
inline bool IsLastLevel(const volatile void*) { return true; }

inline bool Holds(int result) { return result == 0 || result == EOWNERDEAD; }

// A function that takes the lock, and waits for it: what it is called in the dump, the real one, the one that tries, and
// what their results mean.
template <LockApi kApi, auto* kTake, auto* kTry, typename Results = PosixResults>
struct Take {
  template <typename Lock, typename... Rest>
  [[gnu::always_inline]] static int Call(Lock* lock, Rest... rest) {
    if (!thread_state.SpendLock()) [[unlikely]]
      return Recorded(lock, rest...);
    if (__libc_single_threaded != 0) return (*kTake)(lock, rest...);
    if (HasProtocol(lock)) [[unlikely]]
      return Refused(lock, rest...);
    const int result = (*kTry)(lock);
    if (result == Results::kBusy) [[unlikely]]
      return Refused(lock, rest...);
    return result;
  }

 private:
  // The lock cannot be had by trying.
  template <typename Lock, typename... Rest>
  [[gnu::noinline]] static int Refused(Lock* lock, Rest... rest) {
    bool has_waited = false;
    return Wait({kApi, NameOf(lock), HookFrame::Here()}, &has_waited, lock, rest...);
  }

  // The countdown of acquisitions ended.
  template <typename Lock, typename... Rest>
  [[gnu::noinline]] static int Recorded(Lock* lock, Rest... rest) {
    const lock::Call call = {kApi, NameOf(lock), HookFrame::Here()};
    const lock::Acquisition acquisition = lock::BeginAcquisition(call);
    bool has_waited = false;
    const int result = TryThenWait(call, &has_waited, lock, rest...);
    if (Holds(Results::Error(result))) lock::EndAcquisition(call, acquisition, has_waited);
    return result;
  }

  template <typename Lock, typename... Rest>
  static int TryThenWait(const lock::Call& call, bool* has_waited, Lock* lock, Rest... rest) {
    if (__libc_single_threaded != 0) return (*kTake)(lock, rest...);
    if (!HasProtocol(lock)) {
      const int result = (*kTry)(lock);
      if (result != Results::kBusy) return result;
    }
    return Wait(call, has_waited, lock, rest...);
  }

  template <typename Lock, typename... Rest>
  static int Wait(const lock::Call& call, bool* has_waited, Lock* lock, Rest... rest) {
    if (HasProtocol(lock) && !HeldByAnother(lock)) return (*kTake)(lock, rest...);
    *has_waited = true;
    const lock::Wait wait = lock::BeginWait(call, OwnerOf(lock));
    // No second try in between: it is the first thing that the real function does.
    const int result = (*kTake)(lock, rest...);
    lock::EndWait(call, wait, Results::Error(result));
    return result;
  }
};

// A refused try is neither an acquisition nor a wait: it is counted as what it is.
template <LockApi kApi, auto* kTry, typename Results = PosixResults>
struct Try {
  template <typename Lock>
  [[gnu::always_inline]] static int Call(Lock* lock) {
    const int result = (*kTry)(lock);
    if (result == Results::kBusy) [[unlikely]]
      return Refused(lock);
    if (Holds(Results::Error(result)) && !thread_state.SpendLock()) [[unlikely]]
      Recorded(lock);
    return result;
  }

 private:
  template <typename Lock>
  [[gnu::noinline]] static int Refused(Lock* lock) {
    lock::RecordRefusedTry({kApi, NameOf(lock), HookFrame::Here()});
    return Results::kBusy;
  }
  template <typename Lock>
  [[gnu::noinline]] static void Recorded(Lock* lock) {
    const lock::Call call = {kApi, NameOf(lock), HookFrame::Here()};
    lock::EndAcquisition(call, lock::BeginAcquisition(call), false);
  }
};

// A function that gives the lock away, or wakes those who wait. All families of functions return 0 when they did.
template <LockApi kApi, auto* kRelease>
struct Release {
  template <typename Lock>
  [[gnu::always_inline]] static int Call(Lock* lock) {
    if (wait_table::MayBeWaitedFor(NameOf(lock)) || thread_state.watch != 0) [[unlikely]]
      return Recorded(lock);
    return (*kRelease)(lock);
  }

 private:
  template <typename Lock>
  [[gnu::noinline]] static int Recorded(Lock* lock) {
    const HookFrame hook = HookFrame::Here();
    if (!IsLastLevel(lock)) return (*kRelease)(lock);
    const lock::Release release = lock::BeginRelease(NameOf(lock), HeldBy(lock));
    const int result = (*kRelease)(lock);
    lock::EndRelease({kApi, NameOf(lock), hook}, release, result);
    return result;
  }
};

}  // namespace perfagent::lock_call
