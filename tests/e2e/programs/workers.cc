// workers: threads that allocate, reallocate, free and lock, each for itself, for ever, and one that starts and joins
// short threads which do the same; each keeps, in a shared file, how far it has come. Is killed by the test.
//
//   workers FILE THREADS
//
// No two of them share a lock of libc's: each has an arena of its own, and frees what it allocated.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "samples/truth.h"

struct Progress {  // as in tests/support/progress.h
  std::atomic<uint64_t> tid;
  std::atomic<uint64_t> begun;
  std::atomic<uint64_t> ended;
  uint64_t unused[5];
};

NAMED void UseHeapAndLock(pthread_mutex_t& own, size_t round) {
  void* p = std::malloc(100 + round % 900);
  Escape(p);
  pthread_mutex_lock(&own);
  p = std::realloc(p, 200 + round % 5000);
  Escape(p);
  pthread_mutex_unlock(&own);
  std::free(p);
}

static void Work(Progress& progress) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  progress.tid = static_cast<uint64_t>(syscall(SYS_gettid));
  for (size_t round = 0;; ++round) {
    UseHeapAndLock(own, round);
    progress.ended.store(round + 1, std::memory_order_release);
  }
}

static void StartThreads(Progress& progress) {
  progress.tid = static_cast<uint64_t>(syscall(SYS_gettid));
  for (size_t round = 0;; ++round) {
    pthread_t thread;
    const auto body = [](void*) -> void* {
      pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
      for (size_t i = 0; i < 20; ++i) UseHeapAndLock(own, i);
      return nullptr;
    };
    if (pthread_create(&thread, nullptr, body, nullptr) != 0) std::exit(2);
    pthread_join(thread, nullptr);
    progress.ended.store(round + 1, std::memory_order_release);
  }
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t threads = Argument(argc, argv, 2, 3);
  const int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
  const size_t bytes = (threads + 1) * sizeof(Progress);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(bytes)) != 0) return 2;
  void* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) return 2;
  auto* progress = static_cast<Progress*>(shared);
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) {
    running.emplace_back([&slot = progress[i]] { Work(slot); });
  }
  StartThreads(progress[threads]);
}
