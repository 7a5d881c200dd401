// quiet_preload: preloaded beside the agent, with a constructor that allocates and locks, and a destructor that frees.
#include "tests/e2e/programs/guest.h"

static void* kept;

__attribute__((constructor)) static void Begin() {
  AllocateAndLock(300);
  kept = std::realloc(std::malloc(10), 2000);
}

__attribute__((destructor)) static void End() { std::free(kept); }
