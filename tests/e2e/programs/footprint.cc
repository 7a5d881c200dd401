// footprint BLOCKS: four threads allocate and free again and again, BLOCKS each in all; few blocks live at a time. Prints
// how much memory of its own the process then has.
#include <pthread.h>

#include <cstring>

#include "samples/truth.h"

static constexpr size_t kThreads = 4;
static constexpr size_t kLive = 1000;
static size_t blocks;

static void* Churn(void*) {
  static thread_local void* live[kLive];
  for (size_t i = 0; i < blocks; ++i) {
    std::free(live[i % kLive]);
    live[i % kLive] = std::malloc(24 + i % 200);
    Escape(live[i % kLive]);
  }
  for (void* p : live) std::free(p);
  return nullptr;
}

// Not of a file: the dump's pages are the file's.
static size_t AnonymousBytes() {
  FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  size_t kib = 0;
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    std::sscanf(line, "Anonymous: %zu kB", &kib);
  }
  if (file != nullptr) std::fclose(file);
  return kib * 1024;
}

int main(int argc, char** argv) {
  blocks = Argument(argc, argv, 1, 100000);
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, Churn, nullptr) != 0) std::abort();
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  std::printf("truth threads=%zu anonymous_bytes=%zu\n", kThreads, AnonymousBytes());
}
