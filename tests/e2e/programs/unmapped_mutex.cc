// unmapped_mutex: a mutex is gone as soon as the next owner has it: that one unlocks it and unmaps its page, while the
// last owner may still be inside pthread_mutex_unlock. Even rounds destroy and free it instead.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

static constexpr int kRounds = 200;
static constexpr size_t kPage = 4096;

static std::atomic<pthread_mutex_t*> offered;
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
    pthread_mutex_t* mutex = offered.exchange(nullptr);
    ++taken;
    Require(pthread_mutex_lock(mutex) == 0);
    Require(pthread_mutex_unlock(mutex) == 0);
    if (i % 2 == 0) {
      Require(pthread_mutex_destroy(mutex) == 0);
      std::free(mutex);
    } else {
      Require(munmap(mutex, kPage) == 0);
    }
  }
  return nullptr;
}

int main() {
  pthread_t remover;
  Require(pthread_create(&remover, nullptr, TakeAndRemove, nullptr) == 0);
  for (int i = 0; i < kRounds; ++i) {
    auto* mutex =
        static_cast<pthread_mutex_t*>(i % 2 == 0 ? std::malloc(sizeof(pthread_mutex_t)) : Map());
    pthread_mutex_init(mutex, nullptr);
    Require(pthread_mutex_lock(mutex) == 0);
    offered = mutex;
    while (taken.load() <= i) sched_yield();
    if (i % 4 < 2) usleep(100);  // mostly long enough for the other to sleep
    Require(pthread_mutex_unlock(mutex) == 0);
  }
  pthread_join(remover, nullptr);
  std::printf("removed %d\n", kRounds);
}
