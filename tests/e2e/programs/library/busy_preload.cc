// busy_preload: preloaded beside the agent. Its constructor allocates, locks, looks up a name that is missing, and starts
// threads that allocate and lock until its destructor runs: while the agent and the program start, run and end.
#include <dlfcn.h>

#include <atomic>

#include "tests/e2e/programs/guest.h"

static std::atomic<bool> stop;
static pthread_t threads[2];
static void* kept;

static void* KeepBusy(void*) {
  for (size_t i = 1; !stop; ++i) AllocateAndLock(i % 5000 + 1);
  return nullptr;
}

__attribute__((constructor)) static void Begin() {
  kept = std::malloc(1000);
  if (dlsym(RTLD_NEXT, "perfagent_test_no_such_name") == nullptr) Escape(dlerror());
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, KeepBusy, nullptr) != 0) std::abort();
  }
}

__attribute__((destructor)) static void End() {
  stop = true;
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  std::free(kept);
}
