// unmapped_mutex [rwlock]: a mutex (or an rwlock) is gone as soon as the next owner has it: that one unlocks it and unmaps its page, while the
// last owner may still be inside pthread_mutex_unlock. Even rounds destroy and free it instead.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

static constexpr int kRounds = 500;
static constexpr size_t kPage = 4096;

// One type for both: what differs is which functions are called.
struct Functions {
  int (*init)(void*);
  int (*lock)(void*);
  int (*unlock)(void*);
  int (*destroy)(void*);
};
template <typename Lock, auto* kFunction>
static int Call(void* lock) {
  return kFunction(static_cast<Lock*>(lock));
}
static constexpr Functions kMutex = {
    [](void* lock) { return pthread_mutex_init(static_cast<pthread_mutex_t*>(lock), nullptr); },
    Call<pthread_mutex_t, pthread_mutex_lock>, Call<pthread_mutex_t, pthread_mutex_unlock>,
    Call<pthread_mutex_t, pthread_mutex_destroy>};
static constexpr Functions kRwlock = {
    [](void* lock) { return pthread_rwlock_init(static_cast<pthread_rwlock_t*>(lock), nullptr); },
    Call<pthread_rwlock_t, pthread_rwlock_wrlock>, Call<pthread_rwlock_t, pthread_rwlock_unlock>,
    Call<pthread_rwlock_t, pthread_rwlock_destroy>};

static const Functions* functions = &kMutex;
static std::atomic<void*> offered;
static std::atomic<int> taken;

static void Require(bool holds) {
  if (!holds) std::abort();
}

static void* Map() {
  return mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void* TakeAndRemove(void*) {
  for (int i = 0; i < kRounds; ++i) {
    while (offered.load() == nullptr) sched_yield();
    void* lock = offered.exchange(nullptr);
    ++taken;
    Require(functions->lock(lock) == 0);
    Require(functions->unlock(lock) == 0);
    if (i % 2 == 0) {
      Require(functions->destroy(lock) == 0);
      std::free(lock);
    } else {
      Require(munmap(lock, kPage) == 0);
    }
  }
  return nullptr;
}

int main(int argc, char**) {
  if (argc > 1) functions = &kRwlock;
  pthread_t remover;
  Require(pthread_create(&remover, nullptr, TakeAndRemove, nullptr) == 0);
  for (int i = 0; i < kRounds; ++i) {
    void* lock = i % 2 == 0 ? std::malloc(sizeof(pthread_rwlock_t)) : Map();
    functions->init(lock);
    Require(functions->lock(lock) == 0);
    offered = lock;
    while (taken.load() <= i) sched_yield();
    if (i % 4 < 2) usleep(100);  // mostly long enough for the other to sleep
    Require(functions->unlock(lock) == 0);
  }
  pthread_join(remover, nullptr);
  std::printf("removed %d\n", kRounds);
}
