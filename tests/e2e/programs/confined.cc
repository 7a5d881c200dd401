// confined: allocates, locks and frees known numbers, in two threads, half of it before and half of it after it has
// changed what is around it. Ends with status 5.
//
//   confined ROUNDS [files | fork | remove DIR | replace DIR]
//
// files: no descriptor may be opened any more. fork: nor in a child, which allocates too. remove: the directory is removed
// with all that is in it. replace: each file in it is replaced by another one of the same name.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "samples/truth.h"

static constexpr int kStatus = 5;

static std::mutex mutex;
static size_t allocations, bytes, frees, freed_bytes;  // under the mutex

NAMED void UseHeap(size_t rounds) {
  void* held[16] = {};
  size_t sizes[16] = {};
  Tally tally;
  for (size_t i = 0; i < rounds; ++i) {
    const size_t size = 40 + i % 200;
    void* p = std::malloc(size);
    Escape(p);
    std::memset(p, 0x5a, size);
    tally.Allocated(size);
    void*& slot = held[i % 16];
    std::free(slot);
    if (slot != nullptr) tally.Freed(sizes[i % 16]);
    slot = p;
    sizes[i % 16] = size;
  }
  const std::lock_guard<std::mutex> lock(mutex);
  allocations += tally.allocations;
  bytes += tally.bytes;
  frees += tally.frees;
  freed_bytes += tally.freed_bytes;
}

static void UseHeapInTwoThreads(size_t rounds) {
  std::thread other(UseHeap, rounds / 2);
  UseHeap(rounds / 2);
  other.join();
}

static void LeaveNoFiles() {
  const rlimit none = {3, 3};
  setrlimit(RLIMIT_NOFILE, &none);
}

static void Fork(size_t rounds) {
  const pid_t child = fork();
  if (child == 0) {
    UseHeap(rounds);
    _exit(kStatus);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != kStatus << 8) _exit(2);
}

static void ReplaceFiles(const char* directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::filesystem::path fresh = entry.path().string() + ".new";
    std::ofstream(fresh) << "another's";
    std::filesystem::rename(fresh, entry.path());
  }
}

int main(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 1, 1000);
  const char* change = argc > 2 ? argv[2] : "";
  const auto is = [=](const char* name) { return std::strcmp(change, name) == 0; };
  UseHeapInTwoThreads(rounds / 2);
  if (is("files") || is("fork")) LeaveNoFiles();
  if (is("fork")) Fork(rounds / 2);
  if (is("remove")) std::filesystem::remove_all(argv[3]);
  if (is("replace")) ReplaceFiles(argv[3]);
  UseHeapInTwoThreads(rounds / 2);
  std::printf("truth");
  Tally{allocations, bytes, frees, freed_bytes}.Print("UseHeap");
  std::printf("\n");
  return kStatus;
}
