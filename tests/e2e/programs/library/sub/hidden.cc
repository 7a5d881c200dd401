// hidden: lies in a directory of its own, where only libcaller.so's RUNPATH looks. Its destructor allocates and frees.
#include "tests/e2e/programs/guest.h"

static void* kept = std::malloc(12);

extern "C" NAMED void* HiddenAllocates(size_t size) {
  void* p = std::malloc(size);
  Escape(p);
  return p;
}

__attribute__((destructor)) static void End() {
  AllocateAndLock(99);
  std::free(kept);
}
