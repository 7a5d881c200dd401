// spin_hooks.cc: pthread spin locks. What each hook does: lock_call.h.

#include <pthread.h>

#include "agent/export.h"
#include "agent/lock_call.h"
#include "agent/real.h"

namespace perfagent {

extern "C" {

PERFAGENT_EXPORT int pthread_spin_lock(pthread_spinlock_t* lock) noexcept {
  return lock_call::Take<LockApi::kSpinLock, &real::pthread_spin_lock,
                         &real::pthread_spin_trylock>::Call(lock);
}

PERFAGENT_EXPORT int pthread_spin_trylock(pthread_spinlock_t* lock) noexcept {
  return lock_call::Try<LockApi::kSpinTrylock, &real::pthread_spin_trylock>::Call(lock);
}

PERFAGENT_EXPORT int pthread_spin_unlock(pthread_spinlock_t* lock) noexcept {
  return lock_call::Release<LockApi::kSpinUnlock, &real::pthread_spin_unlock>::Call(lock);
}

}  // extern "C"

}  // namespace perfagent
