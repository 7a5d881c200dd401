// progress: threads that allocate for ever and keep, in a shared file, how far they have come.
//
//   progress FILE [THREADS]
//
// The file is an array of Progress. Allocation number i of a thread has the size kSize + i % 97,
// so the dump of a killed process shows whether something is missing or doubled. Is killed by the
// test.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "samples/truth.h"

struct Progress {
  std::atomic<uint64_t> tid;
  std::atomic<uint64_t> begun;  // allocations, counted before the call
  std::atomic<uint64_t> ended;  // and after it
  uint64_t unused[5];
};

static constexpr size_t kSize = 5000;

NAMED void AllocateForEver(Progress& progress) {
  void* held[4] = {};
  progress.tid = static_cast<uint64_t>(syscall(SYS_gettid));
  for (uint64_t i = 0;; ++i) {
    progress.begun.store(i + 1, std::memory_order_release);
    void* p = std::malloc(kSize + i % 97);
    progress.ended.store(i + 1, std::memory_order_release);
    Escape(p);
    std::free(held[i % 4]);
    held[i % 4] = p;
  }
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const size_t threads = Argument(argc, argv, 2, 2);
  const int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(threads * sizeof(Progress))) != 0) return 2;
  void* shared =
      mmap(nullptr, threads * sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) return 2;
  auto* progress = static_cast<Progress*>(shared);
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) {
    running.emplace_back([&slot = progress[i]] { AllocateForEver(slot); });
  }
  for (std::thread& thread : running) thread.join();
}
