// progress: threads that allocate for ever and keep, in a shared file, how far they have come.
//
//   progress FILE [THREADS [HOW MICROSECONDS]]
//
// The file is an array of Progress. Allocation number i of a thread has the size kSize + i % 97,
// so the dump of a killed process shows whether something is missing or doubled. Is killed by the
// test, or ends so long after all threads have begun, while they go on:
//
//   return|exit|quick_exit (status 9, after handlers that allocate and take their time)|_exit|abort|segv
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "samples/truth.h"

struct Progress {  // as in tests/support/progress.h
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

NAMED void AllocateInHandler() {
  for (int i = 0; i < 100; ++i) std::free(std::malloc(kSize - 100));
  usleep(500);  // the others go on
  std::free(std::malloc(kSize - 100));
}

static int End(const char* how) {
  constexpr int kStatus = 9;
  const auto is = [how](const char* name) { return std::strcmp(how, name) == 0; };
  std::atexit(AllocateInHandler);
  std::at_quick_exit(AllocateInHandler);
  if (is("return")) return kStatus;
  if (is("exit")) std::exit(kStatus);
  if (is("quick_exit")) std::quick_exit(kStatus);
  if (is("_exit")) _exit(kStatus);
  if (is("abort")) std::abort();
  static volatile int* nowhere = nullptr;
  if (is("segv")) *nowhere = 1;
  return 2;
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
  for (size_t i = 0; i < threads; ++i) {
    std::thread([&slot = progress[i]] { AllocateForEver(slot); }).detach();
  }
  if (argc < 5) pause();
  for (size_t i = 0; i < threads; ++i) {
    while (progress[i].ended == 0) usleep(100);
  }
  usleep(static_cast<useconds_t>(Argument(argc, argv, 4, 0)));
  return End(argv[3]);
}
