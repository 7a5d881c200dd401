// guest.h: what the test programs observe and do in the same way. Output must not depend on the agent.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

#include "samples/truth.h"

// Which of the first 256 descriptors are open.
inline void PrintDescriptors(const char* when) {
  std::printf("descriptors %s:", when);
  for (int fd = 0; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) std::printf(" %d", fd);
  }
  std::printf("\n");
}

// A mutex that another thread keeps. A timedlock of it whose deadline has passed is a wait that ends at once.
class KeptMutex {
 public:
  KeptMutex() {
    pthread_barrier_init(&step_, nullptr, 2);
    if (pthread_create(&keeper_, nullptr, Keep, this) != 0) std::abort();
    pthread_barrier_wait(&step_);
  }
  ~KeptMutex() {
    pthread_barrier_wait(&step_);
    pthread_join(keeper_, nullptr);
  }
  KeptMutex(const KeptMutex&) = delete;
  KeptMutex& operator=(const KeptMutex&) = delete;

  void WaitInVain(size_t times) {
    const timespec past = {1, 0};
    for (size_t i = 0; i < times; ++i) pthread_mutex_timedlock(&mutex_, &past);
  }

 private:
  static void* Keep(void* argument) {
    auto* self = static_cast<KeptMutex*>(argument);
    pthread_mutex_lock(&self->mutex_);
    pthread_barrier_wait(&self->step_);
    pthread_barrier_wait(&self->step_);
    pthread_mutex_unlock(&self->mutex_);
    return nullptr;
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_barrier_t step_;
  pthread_t keeper_;
};

// Not within the function: what is static in an inline one is unique in the process, and a library that has such never
// unloads.
[[maybe_unused]] static pthread_mutex_t own_mutex = PTHREAD_MUTEX_INITIALIZER;

// Allocates, fills, checks and frees a block of `size` bytes, and takes and gives back a mutex.
static inline void AllocateAndLock(size_t size) {
  auto* p = static_cast<unsigned char*>(std::malloc(size));
  p[0] = p[size - 1] = 0x5a;
  Escape(p);
  pthread_mutex_lock(&own_mutex);
  pthread_mutex_unlock(&own_mutex);
  if (p[size - 1] != 0x5a) std::abort();
  std::free(p);
}
