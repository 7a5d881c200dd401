// Threads that wait for one another all the time, and one that allocates: what waits cost must not make its blocks be sampled
// less. Argument: how many times 100 blocks. Prints how many blocks it made, of 256 bytes each.
#include <semaphore.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr int kPairs = 16;
constexpr int kBlocksOfRound = 100;
constexpr size_t kBytes = 256;

// Each wakes the other one, and waits for it.
struct Pair {
  sem_t turn[2];
  std::atomic<bool> is_over = false;
};
Pair pairs[kPairs];
void* volatile last;

void TakeTurns(Pair* pair, int mine) {
  while (!pair->is_over) {
    sem_wait(&pair->turn[mine]);
    sem_post(&pair->turn[1 - mine]);
  }
  sem_post(&pair->turn[1 - mine]);
}

}  // namespace

int main(int, char** argv) {
  std::vector<std::thread> threads;
  for (Pair& pair : pairs) {
    sem_init(&pair.turn[0], 0, 1);
    sem_init(&pair.turn[1], 0, 0);
    for (int mine : {0, 1}) threads.emplace_back(TakeTurns, &pair, mine);
  }
  const long rounds = atol(argv[1]);
  for (long i = 0; i < rounds * kBlocksOfRound; ++i) {
    last = malloc(kBytes);
    free(last);
    if (i % kBlocksOfRound == 0) std::this_thread::yield();
  }
  for (Pair& pair : pairs) pair.is_over = true;
  for (std::thread& thread : threads) thread.join();
  printf("%ld\n", rounds * kBlocksOfRound);
}
