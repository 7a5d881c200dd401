// steady: two threads that allocate, free and lock the same again and again, for system calls to be counted. What lies
// between two calls of getpriority, which nothing else makes, is the steady part.
//
//   steady [ROUNDS]
#include <pthread.h>
#include <sys/resource.h>

#include "samples/truth.h"

static pthread_barrier_t barrier;

NAMED void UseHeapAndLock(size_t rounds) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  void* held[64] = {};
  for (size_t i = 0; i < rounds; ++i) {
    void*& slot = held[i % 64];
    pthread_mutex_lock(&mutex);
    std::free(slot);
    slot = std::malloc(100 + i % 64);
    Escape(slot);
    pthread_mutex_unlock(&mutex);
  }
  for (void* block : held) std::free(block);
}

static void* Run(void* rounds) {
  UseHeapAndLock(100'000);  // a dozen samples and more at any interval: the thread's start is over
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  UseHeapAndLock(reinterpret_cast<size_t>(rounds));
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return nullptr;
}

int main(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 1, 1'000'000);
  pthread_barrier_init(&barrier, nullptr, 3);
  pthread_t threads[2];
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, Run, reinterpret_cast<void*>(rounds)) != 0) return 2;
  }
  pthread_barrier_wait(&barrier);
  getpriority(PRIO_PROCESS, 0);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  getpriority(PRIO_PROCESS, 0);
  pthread_barrier_wait(&barrier);
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
}
