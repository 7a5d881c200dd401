// thread_storm: many threads that live briefly, a few at a time, each with its own name. Every
// second thread leaves its last block to the next one, which frees it: blocks cross threads.
//
//   thread_storm [THREADS [BLOCKS [SIZE]]]
#include <pthread.h>

#include <atomic>
#include <thread>
#include <vector>

#include "truth.h"

static constexpr size_t kAtATime = 8;

static std::atomic<size_t> allocations;
static std::atomic<size_t> frees;
static std::atomic<void*> left_behind;

NAMED void StormWork(size_t blocks, size_t size) {
  void* held[64];
  size_t done = 0;
  while (done < blocks) {
    size_t count = 0;
    while (count < 64 && done < blocks) {
      held[count] = std::malloc(size);
      Escape(held[count]);
      ++count;
      ++done;
    }
    allocations += count;
    if (done == blocks) {
      std::free(left_behind.exchange(held[--count]));  // the first one frees nothing
    }
    for (size_t i = 0; i < count; ++i) std::free(held[i]);
    frees += count;
  }
}

int main(int argc, char** argv) {
  const size_t threads = Argument(argc, argv, 1, 2000);
  const size_t blocks = Argument(argc, argv, 2, 10);
  const size_t size = Argument(argc, argv, 3, 64);
  std::vector<std::thread> running;
  running.reserve(kAtATime);
  for (size_t started = 0; started < threads;) {
    while (running.size() < kAtATime && started < threads) {
      running.emplace_back([number = started, blocks, size] {
        char name[16];
        std::snprintf(name, sizeof name, "storm-%zu", number);
        pthread_setname_np(pthread_self(), name);
        StormWork(blocks, size);
      });
      ++started;
    }
    for (std::thread& thread : running) thread.join();
    running.clear();
  }
  // One block was handed on by every thread; all but the last one were freed by a later thread.
  const size_t freed = frees + (threads > 0 && blocks > 0 ? threads - 1 : 0);
  std::printf("truth threads=%zu", threads);
  Tally{allocations, allocations * size, freed, freed * size}.Print("StormWork");
  std::printf("\n");
}
