// memory_use: a program of known memory.
//
//   memory_use calls   allocates and frees blocks of three sizes, 2000 of each
//   memory_use grows   touches 64 MiB of the heap and prints what the kernel says of it then, in bytes
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "samples/truth.h"

static void AllocateAndFree(size_t size) {
  for (int i = 0; i < 2000; ++i) {
    void* block = std::malloc(size);
    Escape(block);
    std::free(block);
  }
}

static void PrintResident() {
  long pages = 0;
  FILE* statm = std::fopen("/proc/self/statm", "r");
  if (statm == nullptr || std::fscanf(statm, "%*d %ld", &pages) != 1) std::abort();
  std::fclose(statm);
  std::printf("resident %ld\n", pages * sysconf(_SC_PAGESIZE));
}

int main(int, char** argv) {
  if (std::strcmp(argv[1], "calls") == 0) {
    for (const size_t size : {size_t{100}, size_t{12345}, size_t{23456}}) AllocateAndFree(size);
    return 0;
  }
  constexpr size_t kBlock = 64 << 10;
  for (int i = 0; i < 1024; ++i) {
    void* block = std::malloc(kBlock);
    std::memset(block, 1, kBlock);
    Escape(block);
  }
  PrintResident();
}
