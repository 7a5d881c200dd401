// memory_steps: a program whose resident memory grows at known times.
//
//   memory_steps            four times maps and touches 48 MiB, and allocates and frees for a while; then unmaps it all, and
//                           allocates and frees for a while. Each time it prints, of CLOCK_MONOTONIC in ns and of
//                           /proc/self/statm in bytes:
//                             step TIME RESIDENT TIME RESIDENT TIME RESIDENT     before it, after it, and after the while
//   memory_steps after MIB  touches so much, and then executes itself without arguments
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "samples/truth.h"

static constexpr size_t kStepBytes = 48 << 20;
static constexpr int kSteps = 4;

static uint64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

static uint64_t ResidentBytes() {
  unsigned long pages = 0;
  FILE* statm = std::fopen("/proc/self/statm", "r");
  if (statm == nullptr || std::fscanf(statm, "%*u %lu", &pages) != 1) std::abort();
  std::fclose(statm);
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

static void PrintMoment() {
  const uint64_t resident = ResidentBytes();
  std::printf(" %lu %lu", Now(), resident);
}

static void AllocateAndFree() {
  void* block = std::malloc(64 << 10);
  Escape(block);
  std::free(block);
}

// So long that the agent looks at least once, however long the program has run, and then some blocks more.
static void AllocateForAWhile(uint64_t start) {
  const uint64_t begin = Now();
  const uint64_t until = begin + 25000000 + (begin - start) / 32;
  for (unsigned looks = 0; Now() < until;) {
    if (++looks % 16 == 0) AllocateAndFree();
  }
  for (int i = 0; i < 2000; ++i) AllocateAndFree();
}

static char* Map(size_t bytes) {
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) std::abort();
  return static_cast<char*>(mapped);
}

int main(int argc, char** argv) {
  if (argc > 1) {
    const size_t bytes = Argument(argc, argv, 2, 0) << 20;
    std::memset(Map(bytes), 1, bytes);
    execl(argv[0], argv[0], nullptr);
    return 127;
  }
  const uint64_t start = Now();
  char* steps[kSteps];
  for (int i = 0; i <= kSteps; ++i) {
    std::printf("step");
    PrintMoment();
    if (i < kSteps) {
      steps[i] = Map(kStepBytes);
      std::memset(steps[i], 1, kStepBytes);
    } else {
      for (char* step : steps) munmap(step, kStepBytes);
    }
    PrintMoment();
    AllocateForAWhile(start);
    PrintMoment();
    std::printf("\n");
  }
}
