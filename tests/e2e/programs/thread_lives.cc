// thread_lives: threads that allocate, lock and end.
//
//   thread_lives THREADS AT_ONCE
//
// AT_ONCE of them live at the same time: they wait for each other before and after their work. Each leaves one block to
// the next thread that comes by, which frees it.
#include <pthread.h>

#include <atomic>
#include <vector>

#include "samples/truth.h"

static constexpr size_t kBlocks = 4;
static constexpr size_t kSize = 72;

static pthread_barrier_t together;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void* left_behind;  // under the mutex
static size_t lives;       // under the mutex

NAMED void Live() {
  void* blocks[kBlocks];
  for (void*& block : blocks) {
    block = std::malloc(kSize);
    Escape(block);
  }
  pthread_barrier_wait(&together);
  pthread_mutex_lock(&mutex);
  void* inherited = left_behind;
  left_behind = blocks[0];
  ++lives;
  pthread_mutex_unlock(&mutex);
  for (size_t i = 1; i < kBlocks; ++i) std::free(blocks[i]);
  std::free(inherited);
  pthread_barrier_wait(&together);
}

static void* Run(void*) {
  Live();
  return nullptr;
}

int main(int argc, char** argv) {
  const size_t threads = Argument(argc, argv, 1, 1000);
  const size_t at_once = Argument(argc, argv, 2, 8);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pthread_barrier_init(&together, nullptr, static_cast<unsigned>(at_once));
  std::vector<pthread_t> running(at_once);
  for (size_t batch = 0; batch < threads / at_once; ++batch) {
    for (pthread_t& thread : running) {
      if (pthread_create(&thread, &attributes, Run, nullptr) != 0) return 2;
    }
    for (const pthread_t thread : running) pthread_join(thread, nullptr);
  }
  Tally tally;
  tally.allocations = lives * kBlocks;
  tally.bytes = tally.allocations * kSize;
  tally.frees = tally.allocations - 1;
  tally.freed_bytes = tally.frees * kSize;
  std::printf("truth acquisitions=%zu", lives);
  tally.Print("Live");
  std::printf("\n");
}
