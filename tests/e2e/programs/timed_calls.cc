// timed_calls: calls with the system's clock read before and after.
//
//   timed_calls CALLS PAUSE_MS [fork] [kill]
//
// Allocates CALLS blocks, each of a size of its own and PAUSE_MS after the one before, and waits once for a mutex. Prints
//
//   malloc PID SIZE BEFORE AFTER
//   wait PID ADDRESS BEFORE RELEASING AFTER
//
// in ns of CLOCK_MONOTONIC; the mutex was given back after RELEASING. With `fork`, a child then does the same; with `kill`,
// each process ends by SIGKILL.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstring>

#include "tests/e2e/programs/guest.h"

namespace {

uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

void Pause(size_t ms) {
  const timespec pause = {static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000};
  nanosleep(&pause, nullptr);
}

void Allocate(size_t size) {
  const uint64_t before = NowNs();
  void* p = std::malloc(size);
  const uint64_t after = NowNs();
  Escape(p);
  std::printf("malloc %d %zu %" PRIu64 " %" PRIu64 "\n", getpid(), size, before, after);
}

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_barrier_t held;
uint64_t releasing;

void* Hold(void*) {
  constexpr int kHasWaiter = 2;  // glibc's lock word
  pthread_mutex_lock(&mutex);
  pthread_barrier_wait(&held);
  while (__atomic_load_n(&mutex.__data.__lock, __ATOMIC_RELAXED) != kHasWaiter) Pause(1);
  Pause(20);
  releasing = NowNs();
  pthread_mutex_unlock(&mutex);
  return nullptr;
}

void Wait() {
  pthread_barrier_init(&held, nullptr, 2);
  pthread_t holder;
  if (pthread_create(&holder, nullptr, Hold, nullptr) != 0) std::abort();
  pthread_barrier_wait(&held);
  const uint64_t before = NowNs();
  pthread_mutex_lock(&mutex);
  const uint64_t after = NowNs();
  pthread_mutex_unlock(&mutex);
  pthread_join(holder, nullptr);
  std::printf("wait %d %p %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", getpid(),
              static_cast<void*>(&mutex), before, releasing, after);
}

void MakeCalls(size_t calls, size_t pause_ms) {
  for (size_t i = 0; i < calls; ++i) {
    Allocate(100000 + i);
    Pause(pause_ms);
  }
  Wait();
  std::fflush(stdout);
}

bool IsAsked(int argc, char** argv, const char* word) {
  for (int i = 3; i < argc; ++i) {
    if (std::strcmp(argv[i], word) == 0) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t calls = Argument(argc, argv, 1, 10);
  const size_t pause_ms = Argument(argc, argv, 2, 1);
  MakeCalls(calls, pause_ms);
  if (IsAsked(argc, argv, "fork")) {
    if (const pid_t child = fork(); child != 0) {
      waitpid(child, nullptr, 0);
    } else {
      MakeCalls(calls, pause_ms);
    }
  }
  if (IsAsked(argc, argv, "kill")) raise(SIGKILL);
  return 0;
}
