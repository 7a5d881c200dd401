// real.h: the next definitions: what the guest would have called without the agent.
//
// Found once, by RTLD_NEXT, at the first call of any hook or at start-up, whichever comes first. Until then the pointers
// are stubs that find them, so no hook tests for null. RTLD_NEXT and not glibc's own names: under a second preloaded or
// linked allocator the next malloc is that allocator's, and mixing the two would corrupt both.
//
// Threads: the pointers change once, before any second thread can exist. Signals: plain loads.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <threads.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

namespace perfagent::real {

// name, result, parameters, arguments. The first four are what dlsym itself may call.
#define PERFAGENT_REAL_BASICS(X)                               \
  X(malloc, void*, (size_t size), (size))                      \
  X(free, void, (void* block), (block))                        \
  X(calloc, void*, (size_t count, size_t size), (count, size)) \
  X(realloc, void*, (void* block, size_t size), (block, size))

#define PERFAGENT_REAL_OTHERS(X)                                                                   \
  X(memalign, void*, (size_t alignment, size_t size), (alignment, size))                           \
  X(aligned_alloc, void*, (size_t alignment, size_t size), (alignment, size))                      \
  X(posix_memalign, int, (void** out, size_t alignment, size_t size), (out, alignment, size))      \
  X(valloc, void*, (size_t size), (size))                                                          \
  X(pvalloc, void*, (size_t size), (size))                                                         \
  X(pthread_mutex_lock, int, (pthread_mutex_t * mutex), (mutex))                                   \
  X(pthread_mutex_trylock, int, (pthread_mutex_t * mutex), (mutex))                                \
  X(pthread_mutex_timedlock, int, (pthread_mutex_t * mutex, const timespec* until),                \
    (mutex, until))                                                                                \
  X(pthread_mutex_clocklock, int,                                                                  \
    (pthread_mutex_t * mutex, clockid_t clock, const timespec* until), (mutex, clock, until))      \
  X(pthread_mutex_unlock, int, (pthread_mutex_t * mutex), (mutex))                                 \
  X(pthread_rwlock_rdlock, int, (pthread_rwlock_t * lock), (lock))                                 \
  X(pthread_rwlock_tryrdlock, int, (pthread_rwlock_t * lock), (lock))                              \
  X(pthread_rwlock_timedrdlock, int, (pthread_rwlock_t * lock, const timespec* until),             \
    (lock, until))                                                                                 \
  X(pthread_rwlock_clockrdlock, int,                                                               \
    (pthread_rwlock_t * lock, clockid_t clock, const timespec* until), (lock, clock, until))       \
  X(pthread_rwlock_wrlock, int, (pthread_rwlock_t * lock), (lock))                                 \
  X(pthread_rwlock_trywrlock, int, (pthread_rwlock_t * lock), (lock))                              \
  X(pthread_rwlock_timedwrlock, int, (pthread_rwlock_t * lock, const timespec* until),             \
    (lock, until))                                                                                 \
  X(pthread_rwlock_clockwrlock, int,                                                               \
    (pthread_rwlock_t * lock, clockid_t clock, const timespec* until), (lock, clock, until))       \
  X(pthread_rwlock_unlock, int, (pthread_rwlock_t * lock), (lock))                                 \
  X(pthread_spin_lock, int, (pthread_spinlock_t * lock), (lock))                                   \
  X(pthread_spin_trylock, int, (pthread_spinlock_t * lock), (lock))                                \
  X(pthread_spin_unlock, int, (pthread_spinlock_t * lock), (lock))                                 \
  X(mtx_lock, int, (mtx_t * mutex), (mutex))                                                       \
  X(mtx_trylock, int, (mtx_t * mutex), (mutex))                                                    \
  X(mtx_timedlock, int, (mtx_t * mutex, const timespec* until), (mutex, until))                    \
  X(mtx_unlock, int, (mtx_t * mutex), (mutex))                                                     \
  X(pthread_cond_clockwait, int,                                                                   \
    (pthread_cond_t * condition, pthread_mutex_t * mutex, clockid_t clock, const timespec* until), \
    (condition, mutex, clock, until))                                                              \
  X(cnd_wait, int, (cnd_t * condition, mtx_t * mutex), (condition, mutex))                         \
  X(cnd_timedwait, int, (cnd_t * condition, mtx_t * mutex, const timespec* until),                 \
    (condition, mutex, until))                                                                     \
  X(cnd_signal, int, (cnd_t * condition), (condition))                                             \
  X(cnd_broadcast, int, (cnd_t * condition), (condition))                                          \
  X(sem_wait, int, (sem_t * semaphore), (semaphore))                                               \
  X(sem_trywait, int, (sem_t * semaphore), (semaphore))                                            \
  X(sem_timedwait, int, (sem_t * semaphore, const timespec* until), (semaphore, until))            \
  X(sem_clockwait, int, (sem_t * semaphore, clockid_t clock, const timespec* until),               \
    (semaphore, clock, until))                                                                     \
  X(sem_post, int, (sem_t * semaphore), (semaphore))                                               \
  X(pthread_barrier_wait, int, (pthread_barrier_t * barrier), (barrier))                           \
  X(pthread_join, int, (pthread_t thread, void** result), (thread, result))                        \
  X(pthread_timedjoin_np, int, (pthread_t thread, void** result, const timespec* until),           \
    (thread, result, until))                                                                       \
  X(pthread_clockjoin_np, int,                                                                     \
    (pthread_t thread, void** result, clockid_t clock, const timespec* until),                     \
    (thread, result, clock, until))                                                                \
  X(thrd_join, int, (thrd_t thread, int* result), (thread, result))                                \
  X(pthread_once, int, (pthread_once_t * flag, void (*routine)()), (flag, routine))                \
  X(call_once, void, (once_flag * flag, void (*routine)()), (flag, routine))                       \
  X(dlclose, int, (void* handle), (handle))                                                        \
  X(prctl, int,                                                                                    \
    (int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d),           \
    (operation, a, b, c, d))                                                                       \
  X(syscall, long, (long number, long a, long b, long c, long d, long e, long f),                  \
    (number, a, b, c, d, e, f))

// Of these libc has an older version, too: one that a plain look-up gives before glibc 2.36.
#define PERFAGENT_REAL_CONDITIONS(X)                                               \
  X(pthread_cond_wait, int, (pthread_cond_t * condition, pthread_mutex_t * mutex), \
    (condition, mutex))                                                            \
  X(pthread_cond_timedwait, int,                                                   \
    (pthread_cond_t * condition, pthread_mutex_t * mutex, const timespec* until),  \
    (condition, mutex, until))                                                     \
  X(pthread_cond_signal, int, (pthread_cond_t * condition), (condition))           \
  X(pthread_cond_broadcast, int, (pthread_cond_t * condition), (condition))

// Hidden: the hooks then jump through the pointer itself and not through the GOT entry that leads to it.
#define PERFAGENT_REAL_POINTER(name, result, parameters, arguments) \
  extern __attribute__((visibility("hidden"))) result(*name) parameters;
PERFAGENT_REAL_BASICS(PERFAGENT_REAL_POINTER)
PERFAGENT_REAL_OTHERS(PERFAGENT_REAL_POINTER)
PERFAGENT_REAL_CONDITIONS(PERFAGENT_REAL_POINTER)
#undef PERFAGENT_REAL_POINTER

// What a call from the program finds, where that is not the agent's hook but a definition in the program itself or in a
// library preloaded before the agent; null otherwise. For what the agent defines and such an allocator does not: its blocks
// must not meet libc's functions.
extern void (*free_of_program)(void* block);
extern void* (*realloc_of_program)(void* block, size_t size);

// C23: null when the next library has none (glibc before 2.43).
extern void (*free_sized)(void* block, size_t size);
extern void (*free_aligned_sized)(void* block, size_t alignment, size_t size);
// malloc_usable_size; null where it is not of the library that malloc is of.
extern size_t (*usable_size)(void* block);

// The C++ allocation functions: mangled name, how it is reported. All arguments are integers or pointers, at most three,
// so one signature passes any of them on.
#define PERFAGENT_NEW_OPERATORS(X)            \
  X(_Znwm, kNew)                              \
  X(_ZnwmRKSt9nothrow_t, kNew)                \
  X(_ZnwmSt11align_val_t, kNew)               \
  X(_ZnwmSt11align_val_tRKSt9nothrow_t, kNew) \
  X(_Znam, kNewArray)                         \
  X(_ZnamRKSt9nothrow_t, kNewArray)           \
  X(_ZnamSt11align_val_t, kNewArray)          \
  X(_ZnamSt11align_val_tRKSt9nothrow_t, kNewArray)
#define PERFAGENT_DELETE_OPERATORS(X)             \
  X(_ZdlPv, kDelete)                              \
  X(_ZdlPvm, kDelete)                             \
  X(_ZdlPvRKSt9nothrow_t, kDelete)                \
  X(_ZdlPvSt11align_val_t, kDelete)               \
  X(_ZdlPvmSt11align_val_t, kDelete)              \
  X(_ZdlPvSt11align_val_tRKSt9nothrow_t, kDelete) \
  X(_ZdaPv, kDeleteArray)                         \
  X(_ZdaPvm, kDeleteArray)                        \
  X(_ZdaPvRKSt9nothrow_t, kDeleteArray)           \
  X(_ZdaPvSt11align_val_t, kDeleteArray)          \
  X(_ZdaPvmSt11align_val_t, kDeleteArray)         \
  X(_ZdaPvSt11align_val_tRKSt9nothrow_t, kDeleteArray)

enum NewOperator : unsigned {
#define PERFAGENT_OPERATOR_INDEX(symbol, api) k##symbol,
  PERFAGENT_NEW_OPERATORS(PERFAGENT_OPERATOR_INDEX) kNewOperatorCount
};
enum DeleteOperator : unsigned {
  PERFAGENT_DELETE_OPERATORS(PERFAGENT_OPERATOR_INDEX) kDeleteOperatorCount
#undef PERFAGENT_OPERATOR_INDEX
};

using NewFunction = void* (*)(size_t size, uintptr_t second, uintptr_t third);
using DeleteFunction = void (*)(void* block, uintptr_t second, uintptr_t third);

// The next operator in the guest's scope; null when no C++ runtime is loaded there (yet).
NewFunction NextNew(NewOperator which);
DeleteFunction NextDelete(DeleteOperator which);

// The same for a call from code at `caller` after a C++ runtime was loaded privately (dlopen of a plugin into a C
// program): looked up in the caller's own object, then in the usual runtimes. Null when there is none.
// Takes the loader's lock; called once per operator.
NewFunction LateNew(NewOperator which, void* caller);
DeleteFunction LateDelete(DeleteOperator which, void* caller);

// Finds all that every libc has; later calls do nothing. Possibly called inside a malloc that libc makes under a lock of
// its own (newlocale holds the one that dlerror's translation takes): no name that may be missing is looked up here.
void Resolve();
// Finds what may be missing. From the constructor alone.
void ResolveOptional();

// The object that has the next malloc, and the one whose malloc serves the program without asking the agent; null: none.
// The program's own name is empty. Valid while that object is loaded.
const char* AllocatorPath();
const char* BypassPath();

// Does `function` come from the same loaded object as the next malloc?
bool BesideMalloc(const void* function);

}  // namespace perfagent::real
