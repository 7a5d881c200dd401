// lock_herd: eight consumers wait on one condition. How many are woken for how much work?
//
//   lock_herd CASE [ROUNDS]
//
//   broadcast  all are woken for one item
//   signal     one is woken for one item
//   everyone   all are woken, and there is an item for each
//
// The truth: how often a consumer was woken, how often it found no item and waited again, and how often all were woken.
#include <deque>

#include "lock_truth.h"

constexpr size_t kConsumers = 8;

static pthread_mutex_t items_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t items_made = PTHREAD_COND_INITIALIZER;
static size_t items;
static bool ends;
static std::atomic<size_t> woken, futile, taken;

// False: there will be no more.
NAMED bool TakeItem() {
  Must(pthread_mutex_lock(&items_mutex));
  while (items == 0 && !ends) {
    Must(pthread_cond_wait(&items_made, &items_mutex));
    ++woken;
    if (items == 0 && !ends) ++futile;
  }
  const bool is_taken = items != 0;
  if (is_taken) --items;
  Must(pthread_mutex_unlock(&items_mutex));
  taken += is_taken;
  EndOfFrame();
  return is_taken;
}

NAMED void MakeItems(size_t count, int (*wake)(pthread_cond_t*)) {
  Must(pthread_mutex_lock(&items_mutex));
  items += count;
  Must(wake(&items_made));
  Must(pthread_mutex_unlock(&items_mutex));
  EndOfFrame();
}

static void EndAll() {
  Must(pthread_mutex_lock(&items_mutex));
  ends = true;
  Must(pthread_cond_broadcast(&items_made));
  Must(pthread_mutex_unlock(&items_mutex));
}

static void Consume() {
  // What is made for others is left to them.
  while (TakeItem()) Nap(2000);
}

static void Run(size_t rounds, size_t count, int (*wake)(pthread_cond_t*)) {
  std::deque<Worker> consumers;
  for (size_t i = 0; i < kConsumers; ++i) {
    consumers.emplace_back("consumer-" + std::to_string(i), Consume);
  }
  for (Worker& consumer : consumers) consumer.Call();
  const auto all_sleep = [&] {
    size_t asleep = 0;
    for (const Worker& consumer : consumers) asleep += consumer.IsAsleepOn(items_made);
    return asleep == kConsumers;
  };
  for (size_t round = 1; round <= rounds; ++round) {
    Await(all_sleep);
    MakeItems(count, wake);
    Await([&] { return taken == round * count; });
  }
  Await(all_sleep);
  EndAll();
  for (const Worker& consumer : consumers) consumer.AwaitReturn();
  const size_t broadcasts = (wake == pthread_cond_broadcast ? rounds : 0) + 1;
  std::printf("truth lock=items_made woken=%zu futile=%zu broadcasts=%zu\n", woken.load(),
              futile.load(), broadcasts);
}

static void Broadcast(int argc, char** argv) {
  Run(Argument(argc, argv, 2, 50), 1, pthread_cond_broadcast);
}
static void Signal(int argc, char** argv) {
  Run(Argument(argc, argv, 2, 50), 1, pthread_cond_signal);
}
static void Everyone(int argc, char** argv) {
  Run(Argument(argc, argv, 2, 50), kConsumers, pthread_cond_broadcast);
}

static const Case kCases[] = {{"broadcast", Broadcast}, {"signal", Signal}, {"everyone", Everyone}};

int main(int argc, char** argv) { return RunCase(kCases, argc, argv); }
