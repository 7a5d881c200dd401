// apis.h: the functions of the program that events come from, and the kinds of things that are locked or waited for. Their
// numbers stand in dumps: adding one raises the format's major version (dump_format.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent {

// The call that made an event: identifier, name as the program wrote it.
#define PERFAGENT_HEAP_APIS(X)               \
  X(kMalloc, "malloc")                       \
  X(kCalloc, "calloc")                       \
  X(kRealloc, "realloc")                     \
  X(kReallocArray, "reallocarray")           \
  X(kMemalign, "memalign")                   \
  X(kAlignedAlloc, "aligned_alloc")          \
  X(kPosixMemalign, "posix_memalign")        \
  X(kValloc, "valloc")                       \
  X(kPvalloc, "pvalloc")                     \
  X(kNew, "operator new")                    \
  X(kNewArray, "operator new[]")             \
  X(kFree, "free")                           \
  X(kFreeSized, "free_sized")                \
  X(kFreeAlignedSized, "free_aligned_sized") \
  X(kDelete, "operator delete")              \
  X(kDeleteArray, "operator delete[]")

enum class HeapApi : uint8_t {
#define PERFAGENT_API_ENUM(id, name) id,
  PERFAGENT_HEAP_APIS(PERFAGENT_API_ENUM) kCount
};

// What is locked, or waited for.
#define PERFAGENT_LOCK_KINDS(X) \
  X(kMutex, "mutex")            \
  X(kRwlock, "rwlock")          \
  X(kSpin, "spin lock")         \
  X(kCondition, "condition")    \
  X(kSemaphore, "semaphore")    \
  X(kBarrier, "barrier")        \
  X(kThread, "thread")          \
  X(kOnce, "once")              \
  X(kFutex, "futex")

enum class LockKind : uint8_t {
  PERFAGENT_LOCK_KINDS(PERFAGENT_API_ENUM) kCount
#undef PERFAGENT_API_ENUM
};

// Identifier, name as the program wrote it, and kind.
#define PERFAGENT_LOCK_APIS(X)                                 \
  X(kMutexLock, "pthread_mutex_lock", kMutex)                  \
  X(kMutexTrylock, "pthread_mutex_trylock", kMutex)            \
  X(kMutexTimedlock, "pthread_mutex_timedlock", kMutex)        \
  X(kMutexClocklock, "pthread_mutex_clocklock", kMutex)        \
  X(kMutexUnlock, "pthread_mutex_unlock", kMutex)              \
  X(kMtxLock, "mtx_lock", kMutex)                              \
  X(kMtxTrylock, "mtx_trylock", kMutex)                        \
  X(kMtxTimedlock, "mtx_timedlock", kMutex)                    \
  X(kMtxUnlock, "mtx_unlock", kMutex)                          \
  X(kRwlockRdlock, "pthread_rwlock_rdlock", kRwlock)           \
  X(kRwlockTryrdlock, "pthread_rwlock_tryrdlock", kRwlock)     \
  X(kRwlockTimedrdlock, "pthread_rwlock_timedrdlock", kRwlock) \
  X(kRwlockClockrdlock, "pthread_rwlock_clockrdlock", kRwlock) \
  X(kRwlockWrlock, "pthread_rwlock_wrlock", kRwlock)           \
  X(kRwlockTrywrlock, "pthread_rwlock_trywrlock", kRwlock)     \
  X(kRwlockTimedwrlock, "pthread_rwlock_timedwrlock", kRwlock) \
  X(kRwlockClockwrlock, "pthread_rwlock_clockwrlock", kRwlock) \
  X(kRwlockUnlock, "pthread_rwlock_unlock", kRwlock)           \
  X(kSpinLock, "pthread_spin_lock", kSpin)                     \
  X(kSpinTrylock, "pthread_spin_trylock", kSpin)               \
  X(kSpinUnlock, "pthread_spin_unlock", kSpin)                 \
  X(kCondWait, "pthread_cond_wait", kCondition)                \
  X(kCondTimedwait, "pthread_cond_timedwait", kCondition)      \
  X(kCondClockwait, "pthread_cond_clockwait", kCondition)      \
  X(kCondSignal, "pthread_cond_signal", kCondition)            \
  X(kCondBroadcast, "pthread_cond_broadcast", kCondition)      \
  X(kCndWait, "cnd_wait", kCondition)                          \
  X(kCndTimedwait, "cnd_timedwait", kCondition)                \
  X(kCndSignal, "cnd_signal", kCondition)                      \
  X(kCndBroadcast, "cnd_broadcast", kCondition)                \
  X(kSemWait, "sem_wait", kSemaphore)                          \
  X(kSemTimedwait, "sem_timedwait", kSemaphore)                \
  X(kSemClockwait, "sem_clockwait", kSemaphore)                \
  X(kSemPost, "sem_post", kSemaphore)                          \
  X(kBarrierWait, "pthread_barrier_wait", kBarrier)            \
  X(kThreadJoin, "pthread_join", kThread)                      \
  X(kThreadTimedjoin, "pthread_timedjoin_np", kThread)         \
  X(kThreadClockjoin, "pthread_clockjoin_np", kThread)         \
  X(kThrdJoin, "thrd_join", kThread)                           \
  X(kOnce, "pthread_once", kOnce)                              \
  X(kCallOnce, "call_once", kOnce)                             \
  X(kFutexWait, "futex wait", kFutex)                          \
  X(kFutexLock, "futex lock", kFutex)                          \
  X(kFutexWake, "futex wake", kFutex)

enum class LockApi : uint8_t {
#define PERFAGENT_LOCK_API_ENUM(id, name, kind) id,
  PERFAGENT_LOCK_APIS(PERFAGENT_LOCK_API_ENUM)
#undef PERFAGENT_LOCK_API_ENUM
      kCount
};

inline LockKind KindOf(LockApi api) {
  static constexpr LockKind kKinds[] = {
#define PERFAGENT_LOCK_API_KIND(id, name, kind) LockKind::kind,
      PERFAGENT_LOCK_APIS(PERFAGENT_LOCK_API_KIND)
#undef PERFAGENT_LOCK_API_KIND
  };
  return kKinds[static_cast<size_t>(api)];
}

}  // namespace perfagent
