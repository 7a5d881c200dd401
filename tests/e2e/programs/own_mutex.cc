// own_mutex: a program with a pthread_mutex_lock and _unlock of its own, which come before every library's. They count.
#include <dlfcn.h>
#include <pthread.h>

#include "samples/truth.h"

using MutexCall = int(pthread_mutex_t*);

static size_t own_locks, own_unlocks;

// As in the programs that do this: libc's, or whose definition comes next.
static MutexCall* Next(const char* name) {
  return reinterpret_cast<MutexCall*>(dlsym(RTLD_NEXT, name));
}

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static MutexCall* const next = Next("pthread_mutex_lock");
  __atomic_add_fetch(&own_locks, 1, __ATOMIC_RELAXED);
  return next(mutex);
}

extern "C" int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static MutexCall* const next = Next("pthread_mutex_unlock");
  __atomic_add_fetch(&own_unlocks, 1, __ATOMIC_RELAXED);
  return next(mutex);
}

static Tally tally;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

NAMED void AllocateUnderLock() {
  for (size_t i = 0; i < 1000; ++i) {
    pthread_mutex_lock(&mutex);
    void* p = std::malloc(100 + i);
    Escape(p);
    tally.Allocated(100 + i);
    pthread_mutex_unlock(&mutex);
    if (i % 3 == 0) continue;
    std::free(p);
    tally.Freed(100 + i);
  }
  EndOfFrame();
}

static void* Run(void*) {
  AllocateUnderLock();
  return nullptr;
}

int main() {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, Run, nullptr) != 0) return 1;
  pthread_join(thread, nullptr);
  std::printf("own locks %zu, own unlocks %zu\n", own_locks, own_unlocks);
  std::printf("truth");
  tally.Print("AllocateUnderLock");
  std::printf("\n");
}
