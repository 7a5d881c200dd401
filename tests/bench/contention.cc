// contention: what a tool adds to a mutex that two threads fight for.
//
//   contention MILLISECONDS   works for so long after half as long of warm-up; prints three numbers of nanoseconds
//
// The first is the time per section, of both threads together. Of sections that follow one of the other thread, the second
// is the median hold, from lock's return to unlock's call, and the third the median time from lock's return there to lock's
// return here: in that what a tool does in lock and unlock while others are kept waiting counts, too.

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr size_t kMostTimes = 1 << 20;
constexpr int kTurnsInside = 2000, kTurnsOutside = 10;

uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
// Of the last section; under the mutex.
int last_owner;
uint64_t last_return_ns;

struct Times {
  size_t sections = 0;
  std::vector<uint64_t> holds;
  std::vector<uint64_t> from_owner_to_owner;

  // Memory that is there before it is timed.
  Times() {
    holds.reserve(kMostTimes);
    from_owner_to_owner.reserve(kMostTimes);
  }
};

void Add(uint64_t ns, std::vector<uint64_t>* times) {
  if (times->size() < kMostTimes) times->push_back(ns);
}

void MakeSection(int thread, Times* times) {
  pthread_mutex_lock(&mutex);
  const uint64_t begin_ns = NowNs();
  const bool is_handed_over = last_owner != thread;
  if (is_handed_over) Add(begin_ns - last_return_ns, &times->from_owner_to_owner);
  last_owner = thread;
  last_return_ns = begin_ns;
  for (int turn = 0; turn < kTurnsInside; ++turn) asm volatile("");
  const uint64_t hold_ns = NowNs() - begin_ns;
  pthread_mutex_unlock(&mutex);
  ++times->sections;
  if (is_handed_over) Add(hold_ns, &times->holds);
  for (int turn = 0; turn < kTurnsOutside; ++turn) asm volatile("pause");
}

Times MakeSectionsFor(int thread, uint64_t time_ns) {
  Times times;
  const uint64_t begin_ns = NowNs();
  while (NowNs() - begin_ns < time_ns) MakeSection(thread, &times);
  return times;
}

double Median(std::vector<uint64_t> times) {
  if (times.empty()) return 0;
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return static_cast<double>(*middle);
}

void Append(const std::vector<uint64_t>& more, std::vector<uint64_t>* times) {
  times->insert(times->end(), more.begin(), more.end());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: contention MILLISECONDS\n");
    return 2;
  }
  const uint64_t time_ns = strtoull(argv[1], nullptr, 10) * 1'000'000;
  Times of[2];
  std::barrier together(2);
  const auto work = [&](int thread) {
    MakeSectionsFor(thread, time_ns / 2);
    together.arrive_and_wait();
    of[thread] = MakeSectionsFor(thread, time_ns);
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  Append(of[1].holds, &of[0].holds);
  Append(of[1].from_owner_to_owner, &of[0].from_owner_to_owner);
  const size_t sections = of[0].sections + of[1].sections;
  printf("%.2f %.2f %.2f\n", static_cast<double>(time_ns) / static_cast<double>(sections),
         Median(of[0].holds), Median(of[0].from_owner_to_owner));
}
