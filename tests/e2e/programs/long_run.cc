// long_run: more events than a small dump has room for in full mode, by threads that each know what they did.
//
//   long_run THREADS ROUNDS [fork|wait]
//
// Each thread first makes blocks that live to its end (Early: of these a quarter is never freed), and when all have, goes so
// many rounds: a block that the next round frees, one in eight that is never freed, a chain of two reallocs, a lock taken.
// fork: then a child does the same, with one thread and one round. wait: then it waits for a signal.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "samples/truth.h"

static constexpr size_t kEarly = 200, kEarlySize = 1000, kPassingSize = 600, kKeptSize = 300;
static constexpr size_t kChain[] = {100, 400, 1600};

NAMED void* Early() {
  void* p = std::malloc(kEarlySize);
  Escape(p);
  return p;
}
NAMED void* Passing() {
  void* p = std::malloc(kPassingSize);
  Escape(p);
  return p;
}
NAMED void Kept() {
  void* p = std::malloc(kKeptSize);
  Escape(p);
}
NAMED void Grown() {
  void* p = std::malloc(kChain[0]);
  Escape(p);
  p = std::realloc(p, kChain[1]);
  Escape(p);
  p = std::realloc(p, kChain[2]);
  Escape(p);
  std::free(p);
}

static pthread_barrier_t all_made_early;

static void Work(size_t rounds) {
  void* early[kEarly];
  for (void*& block : early) block = Early();
  pthread_barrier_wait(&all_made_early);
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  void* last = nullptr;
  for (size_t round = 0; round < rounds; ++round) {
    void* next = Passing();
    std::free(last);
    last = next;
    if (round % 8 == 0) Kept();
    Grown();
    pthread_mutex_lock(&own);
    pthread_mutex_unlock(&own);
  }
  std::free(last);
  for (size_t i = 0; i < kEarly; ++i) {
    if (i % 4 != 0) std::free(early[i]);
  }
}

static void WorkInThreads(size_t count, size_t rounds) {
  pthread_barrier_init(&all_made_early, nullptr, static_cast<unsigned>(count));
  std::vector<std::thread> threads;
  for (size_t i = 1; i < count; ++i) threads.emplace_back(Work, rounds);
  Work(rounds);
  for (std::thread& thread : threads) thread.join();
}

static Tally Of(size_t allocations, size_t frees, size_t size) {
  return {allocations, allocations * size, frees, frees * size};
}

static void PrintTruth(size_t threads, size_t rounds) {
  const size_t all = threads * rounds;
  std::printf("truth acquisitions=%zu", all);
  Of(threads * kEarly, threads * kEarly / 4 * 3, kEarlySize).Print("Early");
  Of(all, all, kPassingSize).Print("Passing");
  Of(threads * ((rounds + 7) / 8), 0, kKeptSize).Print("Kept");
  const size_t chain = kChain[0] + kChain[1] + kChain[2];
  Tally{3 * all, chain * all, 3 * all, chain * all}.Print("Grown");
  std::printf("\n");
  std::fflush(stdout);
}

int main(int argc, char** argv) {
  const size_t threads = Argument(argc, argv, 1, 1), rounds = Argument(argc, argv, 2, 1);
  const char* then = argc > 3 ? argv[3] : "";
  WorkInThreads(threads, rounds);
  PrintTruth(threads, rounds);
  if (*then == 'w') pause();
  if (*then != 'f') return 0;
  const pid_t child = fork();
  if (child == 0) {
    WorkInThreads(1, 1);
    return 0;
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
