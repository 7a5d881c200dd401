// floor: the least that a preloaded sampler can do on each call: the physical limit that the agent is held against.
//
// malloc: count down, jump on. free: look at one byte of a filter, jump on. Locks alike. Nothing is ever recorded.

#include <dlfcn.h>
#include <pthread.h>

#include <cstddef>
#include <cstdint>

#define FLOOR_HOOK extern "C" __attribute__((visibility("default")))

extern "C" void* __libc_malloc(size_t);
extern "C" void __libc_free(void*);

namespace {

int FirstLock(pthread_mutex_t*);
int FirstUnlock(pthread_mutex_t*);
int FirstReadLock(pthread_rwlock_t*);
int FirstReadUnlock(pthread_rwlock_t*);

// The next definitions; until they are known, what finds them out. So no call tests for null.
void* (*real_malloc)(size_t) = __libc_malloc;
void (*real_free)(void*) = __libc_free;
int (*real_lock)(pthread_mutex_t*) = FirstLock;
int (*real_unlock)(pthread_mutex_t*) = FirstUnlock;
int (*real_rdlock)(pthread_rwlock_t*) = FirstReadLock;
int (*real_rwunlock)(pthread_rwlock_t*) = FirstReadUnlock;

template <typename Function>
void FindNext(Function* function, const char* name) {
  *function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

__attribute__((constructor)) void FindAll() {
  FindNext(&real_malloc, "malloc");
  FindNext(&real_free, "free");
  FindNext(&real_lock, "pthread_mutex_lock");
  FindNext(&real_unlock, "pthread_mutex_unlock");
  FindNext(&real_rdlock, "pthread_rwlock_rdlock");
  FindNext(&real_rwunlock, "pthread_rwlock_unlock");
}

int FirstLock(pthread_mutex_t* mutex) { return FindAll(), real_lock(mutex); }
int FirstUnlock(pthread_mutex_t* mutex) { return FindAll(), real_unlock(mutex); }
int FirstReadLock(pthread_rwlock_t* lock) { return FindAll(), real_rdlock(lock); }
int FirstReadUnlock(pthread_rwlock_t* lock) { return FindAll(), real_rwunlock(lock); }

constexpr uint64_t kAll = uint64_t{1} << 63;
constexpr uint64_t kInterval = 512 << 10;

struct Countdowns {
  uint64_t bytes = kInterval, locks = kAll;
};
__attribute__((tls_model("initial-exec"))) constinit thread_local Countdowns left;

constexpr size_t kFilterBytes = size_t{1} << 24;
// All zero, which the compiler must not know: it would leave the look out.
volatile uint8_t filter[kFilterBytes];
bool MayHold(const void* address) {
  return filter[(reinterpret_cast<uintptr_t>(address) >> 14) % kFilterBytes] != 0;
}

// What a sampler would do here is not part of the floor.
[[gnu::noinline, gnu::cold]] void* Sampled(size_t size) {
  left.bytes = kInterval;
  return real_malloc(size);
}
[[gnu::noinline, gnu::cold]] void Found(const void*) { asm volatile(""); }

void SpendLock() {
  if (left.locks == 0) [[unlikely]] {
    left.locks = kAll;
  }
  --left.locks;
}

}  // namespace

FLOOR_HOOK void* malloc(size_t size) {
  if (left.bytes <= size) [[unlikely]]
    return Sampled(size);
  left.bytes -= size + 1;
  return real_malloc(size);
}

FLOOR_HOOK void free(void* block) {
  if (MayHold(block)) [[unlikely]]
    Found(block);
  real_free(block);
}

FLOOR_HOOK int pthread_mutex_lock(pthread_mutex_t* mutex) {
  SpendLock();
  return real_lock(mutex);
}

FLOOR_HOOK int pthread_mutex_unlock(pthread_mutex_t* mutex) {
  if (MayHold(mutex)) [[unlikely]]
    Found(mutex);
  return real_unlock(mutex);
}

FLOOR_HOOK int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  SpendLock();
  return real_rdlock(lock);
}

FLOOR_HOOK int pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  if (MayHold(lock)) [[unlikely]]
    Found(lock);
  return real_rwunlock(lock);
}
