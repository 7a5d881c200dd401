// wait_hooks.cc: condition variables, semaphores, barriers, joins and once, of POSIX and of C11. What each hook does:
// wait_call.h, and lock_call.h for those that wake.

#include <pthread.h>
#include <semaphore.h>
#include <threads.h>
#include <time.h>

#include "agent/deadline.h"
#include "agent/export.h"
#include "agent/lock_call.h"
#include "agent/real.h"
#include "agent/wait_call.h"

namespace perfagent {

namespace {

using lock_call::Release;
using wait_call::ConditionWait;
using wait_call::OnceWait;
using wait_call::Wait;

template <LockApi kApi, auto* kWait>
using SemaphoreWait = wait_call::SemaphoreWait<kApi, kWait, &real::sem_trywait>;

}  // namespace

extern "C" {

PERFAGENT_EXPORT int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return ConditionWait<LockApi::kCondWait, &real::pthread_cond_wait>::Call(condition, mutex);
}

PERFAGENT_EXPORT int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                            const timespec* until) {
  return ConditionWait<LockApi::kCondTimedwait, &real::pthread_cond_timedwait>::Call(condition,
                                                                                     mutex, until);
}

PERFAGENT_EXPORT int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                            clockid_t clock, const timespec* until) {
  return ConditionWait<LockApi::kCondClockwait, &real::pthread_cond_clockwait>::Call(
      condition, mutex, clock, until);
}

PERFAGENT_EXPORT int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  return Release<LockApi::kCondSignal, &real::pthread_cond_signal>::Call(condition);
}

PERFAGENT_EXPORT int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  return Release<LockApi::kCondBroadcast, &real::pthread_cond_broadcast>::Call(condition);
}

PERFAGENT_EXPORT int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return ConditionWait<LockApi::kCndWait, &real::cnd_wait, C11Results>::Call(condition, mutex);
}

PERFAGENT_EXPORT int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  return ConditionWait<LockApi::kCndTimedwait, &real::cnd_timedwait, C11Results>::Call(
      condition, mutex, until);
}

PERFAGENT_EXPORT int cnd_signal(cnd_t* condition) {
  return Release<LockApi::kCndSignal, &real::cnd_signal>::Call(condition);
}

PERFAGENT_EXPORT int cnd_broadcast(cnd_t* condition) {
  return Release<LockApi::kCndBroadcast, &real::cnd_broadcast>::Call(condition);
}

// Like libc, these two end a thread that is to be cancelled even when they need not wait; sem_clockwait does not.
PERFAGENT_EXPORT int sem_wait(sem_t* semaphore) {
  pthread_testcancel();
  return SemaphoreWait<LockApi::kSemWait, &real::sem_wait>::Call(semaphore);
}

PERFAGENT_EXPORT int sem_timedwait(sem_t* semaphore, const timespec* until) {
  if (deadline::IsRefused(CLOCK_REALTIME, until)) return real::sem_timedwait(semaphore, until);
  pthread_testcancel();
  return SemaphoreWait<LockApi::kSemTimedwait, &real::sem_timedwait>::Call(semaphore, until);
}

PERFAGENT_EXPORT int sem_clockwait(sem_t* semaphore, clockid_t clock, const timespec* until) {
  if (deadline::IsRefused(clock, until)) return real::sem_clockwait(semaphore, clock, until);
  return SemaphoreWait<LockApi::kSemClockwait, &real::sem_clockwait>::Call(semaphore, clock, until);
}

// Async-signal-safe, as what it calls.
PERFAGENT_EXPORT int sem_post(sem_t* semaphore) noexcept {
  return Release<LockApi::kSemPost, &real::sem_post>::Call(semaphore);
}

PERFAGENT_EXPORT int pthread_barrier_wait(pthread_barrier_t* barrier) noexcept {
  return wait_call::BarrierWait<LockApi::kBarrierWait, &real::pthread_barrier_wait>::Call(barrier);
}

PERFAGENT_EXPORT int pthread_join(pthread_t thread, void** result) {
  return Wait<LockApi::kThreadJoin, &real::pthread_join>::Call(thread, result);
}

PERFAGENT_EXPORT int pthread_timedjoin_np(pthread_t thread, void** result, const timespec* until) {
  return Wait<LockApi::kThreadTimedjoin, &real::pthread_timedjoin_np>::Call(thread, result, until);
}

PERFAGENT_EXPORT int pthread_clockjoin_np(pthread_t thread, void** result, clockid_t clock,
                                          const timespec* until) {
  return Wait<LockApi::kThreadClockjoin, &real::pthread_clockjoin_np>::Call(thread, result, clock,
                                                                            until);
}

PERFAGENT_EXPORT int thrd_join(thrd_t thread, int* result) {
  return Wait<LockApi::kThrdJoin, &real::thrd_join, C11Results>::Call(thread, result);
}

PERFAGENT_EXPORT int pthread_once(pthread_once_t* flag, void (*routine)()) {
  return OnceWait<LockApi::kOnce, &real::pthread_once>::Call(flag, routine);
}

PERFAGENT_EXPORT void call_once(once_flag* flag, void (*routine)()) {
  OnceWait<LockApi::kCallOnce, &real::call_once>::Call(flag, routine);
}

// The name that programs linked long ago know it by.
PERFAGENT_EXPORT int __pthread_once(pthread_once_t*, void (*)())
    __attribute__((alias("pthread_once")));

}  // extern "C"

}  // namespace perfagent
