// rwlock_pairs N: takes and releases an rwlock N times, half of them for reading, beside a second thread. Nobody waits.
#include <pthread.h>
#include <unistd.h>

#include "samples/truth.h"

static void* Sleep(void*) {
  for (;;) pause();
}

int main(int argc, char** argv) {
  pthread_t sleeper;
  if (pthread_create(&sleeper, nullptr, Sleep, nullptr) != 0) return 2;
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  const size_t count = Argument(argc, argv, 1, 1000);
  for (size_t i = 0; i < count; ++i) {
    i % 2 == 0 ? pthread_rwlock_rdlock(&lock) : pthread_rwlock_wrlock(&lock);
    pthread_rwlock_unlock(&lock);
  }
  std::printf("truth acquisitions=%zu\n", count);
}
