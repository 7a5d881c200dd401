// process_shared.h: may threads of other processes wait for it, too? glibc's words for "shared" (2.36, x86-64).
//
// Threads, signals: safe. REQUIRES: the object is alive, as it is when the guest is about to wait for it.
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include <cstddef>

#include "perfagent/apis.h"

namespace perfagent::process_shared {

// nptl's own structures, of which its public headers show no more than the size.
struct Semaphore {
  uint64_t value;
  int shared;
};
struct Barrier {
  unsigned in, current_round, count;
  int shared;
};
static_assert(sizeof(Semaphore) <= sizeof(sem_t) && sizeof(Barrier) <= sizeof(pthread_barrier_t));

inline bool Is(LockApi api, const void* object) {
  constexpr int kSharedMutex = 128;
  constexpr unsigned kSharedCondition = 1;
  switch (KindOf(api)) {
    case LockKind::kMutex:
      return (static_cast<const pthread_mutex_t*>(object)->__data.__kind & kSharedMutex) != 0;
    case LockKind::kRwlock:
      return static_cast<const pthread_rwlock_t*>(object)->__data.__shared != 0;
    case LockKind::kCondition:
      return (static_cast<const pthread_cond_t*>(object)->__data.__wrefs & kSharedCondition) != 0;
    case LockKind::kSemaphore:
      return static_cast<const Semaphore*>(object)->shared != 0;
    case LockKind::kBarrier:
      return static_cast<const Barrier*>(object)->shared != 0;
    default:
      return false;
  }
}

}  // namespace perfagent::process_shared
