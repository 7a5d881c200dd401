// many_keys: forty thread keys are taken before any constructor runs: the next one's values are not kept in the thread's own
// block, and libc allocates when one is set. Allocations in many short threads.
#include <pthread.h>

#include "samples/truth.h"

static int taken;

static void TakeKeys() {
  for (int i = 0; i < 40; ++i) {
    pthread_key_t key;
    if (pthread_key_create(&key, nullptr) == 0) ++taken;
  }
}

[[gnu::section(".preinit_array"), gnu::used]] static void (*const preinit)() = TakeKeys;

static constexpr size_t kThreads = 50;
static constexpr size_t kBlocks = 200;

NAMED void* AllocateInThread(void*) {
  for (size_t i = 0; i < kBlocks; ++i) {
    void* p = std::malloc(100);
    Escape(p);
    std::free(p);
  }
  EndOfFrame();
  return nullptr;
}

int main() {
  for (size_t i = 0; i < kThreads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, AllocateInThread, nullptr) != 0) return 1;
    pthread_join(thread, nullptr);
  }
  Tally tally;
  for (size_t i = 0; i < kThreads * kBlocks; ++i) {
    tally.Allocated(100);
    tally.Freed(100);
  }
  std::printf("keys taken before: %d\ntruth", taken);
  tally.Print("AllocateInThread");
  std::printf("\n");
}
