// population: allocates a population that is known to the last block, on a clock of its own.
//
//   population small|huge|mixed|bursty|threads|chains|many_chains|changing|busy
//
// Sizes and lifetimes come from a fixed sequence of pseudo-random numbers: every run is the same. The
// last line is a truth line (samples/truth.h); `lifetime_ns` is the mean of the blocks that ended.
//
// The clock. The definition of clock_gettime below comes before libc's for every object of the
// process, the preloaded agent too. Time stands still but for what the program says that its work
// takes (50 ns for an allocation and 1 ns per byte of it) and, in `changing` and `busy`, for each
// reading: what the agent does takes time as well, or nothing would tell it to do less.
//
// Nothing else is allocated in this process (no stdio, no iostream), so the population is the heap.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cmath>

#include "samples/truth.h"

static std::atomic<uint64_t> virtual_ns;
static std::atomic<uint64_t> readings_ns;  // of that, what readings took
static uint64_t ns_per_reading;

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  constexpr uint64_t kEpochNs = 1'800'000'000'000'000'000;
  readings_ns.fetch_add(ns_per_reading);
  const uint64_t ns =
      virtual_ns.fetch_add(ns_per_reading) + (clock == CLOCK_REALTIME ? kEpochNs : 0);
  now->tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  now->tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return 0;
}

// What is true of one function's blocks.
struct Count {
  const char* function;
  size_t allocations = 0;
  size_t bytes = 0;
  size_t frees = 0;
  size_t reallocations = 0;
  size_t temporary = 0;
  size_t ended_bytes = 0;
  uint64_t lifetimes_ns = 0;

  void Add(const Count& other) {
    allocations += other.allocations;
    bytes += other.bytes;
    frees += other.frees;
    reallocations += other.reallocations;
    temporary += other.temporary;
    ended_bytes += other.ended_bytes;
    lifetimes_ns += other.lifetimes_ns;
  }
};

struct Block {
  void* address;
  size_t size;
  uint64_t begin_ns;
  Count* count;
  Block* next;
};

static constexpr int kThreads = 4;
static constexpr size_t kMostSteps = 1 << 15;

// One thread's part of the population.
struct Worker {
  uint64_t random;
  Count kept{"Kept"}, passing{"Passing"}, temporary{"Temporary"}, handed{"Handed"}, grown{"Grown"};
  Block blocks[kMostSteps];
  size_t blocks_used;
  Block* due[2 * kMostSteps];  // by step
  Block* handed_over;
};
static Worker workers[kThreads];

static double Uniform(Worker* worker) {  // in (0, 1]
  worker->random = worker->random * 6364136223846793005 + 1442695040888963407;
  return static_cast<double>((worker->random >> 11) + 1) * 0x1p-53;
}
static size_t Between(Worker* worker, size_t low, size_t high) {
  return low +
         static_cast<size_t>(Uniform(worker) * static_cast<double>(high - low + 1) * 0.999999);
}

// ---- the functions that are sites, and the ends of blocks -----------------------------------------

static void Charge(size_t size) { virtual_ns.fetch_add(50 + size); }

static Block* Note(Worker* worker, Count* count, void* address, size_t size, uint64_t begin_ns) {
  ++count->allocations;
  count->bytes += size;
  Block* block = &worker->blocks[worker->blocks_used++];
  *block = {address, size, begin_ns, count, nullptr};
  return block;
}

#define SITE(function, member)                                \
  NAMED Block* function(Worker* worker, size_t size) {        \
    Charge(size);                                             \
    const uint64_t now = virtual_ns.load();                   \
    void* address = malloc(size);                             \
    return Note(worker, &worker->member, address, size, now); \
  }
SITE(Kept, kept)
SITE(Passing, passing)
SITE(Temporary, temporary)
SITE(Handed, handed)
#undef SITE

NAMED Block* Grown(Worker* worker, Block* old, size_t size) {
  Charge(size);
  const uint64_t now = virtual_ns.load();
  void* address = realloc(old->address, size);
  ++old->count->reallocations;
  old->count->lifetimes_ns += now - old->begin_ns;
  old->count->ended_bytes += old->size;
  return Note(worker, &worker->grown, address, size, now);
}

static void End(Block* block) {
  ++block->count->frees;
  block->count->ended_bytes += block->size;
  block->count->lifetimes_ns += virtual_ns.load() - block->begin_ns;
  free(block->address);
}

static void EndAll(Block* list) {
  while (list != nullptr) {
    Block* next = list->next;
    End(list);
    list = next;
  }
}

static void Push(Block* block, Block** list) {
  block->next = *list;
  *list = block;
}

// ---- populations ----------------------------------------------------------------------------------

using SizeOf = size_t (*)(Worker*);

static size_t SmallSize(Worker* worker) { return Between(worker, 16, 128); }
// Every class of twice the size has half as many blocks.
static size_t MixedSize(Worker* worker) {
  size_t low = 32;
  while (low < 4096 && Uniform(worker) < 0.5) low *= 2;
  return Between(worker, low, 2 * low - 1);
}
static size_t LargeMixedSize(Worker* worker) { return 64 * MixedSize(worker); }
static size_t HugeSize(Worker* worker) {
  return static_cast<size_t>(262144 * std::exp(Uniform(worker) * std::log(16.0)));
}

// One allocation: of eight, two stay, one is freed at once, five live for some steps, exponentially
// distributed. `hands_over`: of these five two are freed by another thread.
static void Step(Worker* worker, size_t step, SizeOf size_of, double mean_steps, bool hands_over) {
  Charge(0);
  EndAll(worker->due[step]);
  const size_t size = size_of(worker);
  switch (Between(worker, 0, 7)) {
    case 0:
    case 1:
      Kept(worker, size);
      return;
    case 2: {
      Block* block = Temporary(worker, size);
      Charge(100);
      End(block);
      ++block->count->temporary;
      return;
    }
    case 3:
    case 4:
      if (hands_over) {
        Push(Handed(worker, size), &worker->handed_over);
        return;
      }
      [[fallthrough]];
    default: {
      // Two steps at least: another allocation comes between.
      const double steps = 2 + -std::log(Uniform(worker)) * mean_steps;
      const size_t end = step + static_cast<size_t>(steps);
      Push(Passing(worker, size), &worker->due[end < 2 * kMostSteps ? end : 2 * kMostSteps - 1]);
    }
  }
}

// Ends what is due from `step` on.
static void EndRest(Worker* worker, size_t step, SizeOf size_of) {
  Kept(worker, size_of(worker));  // the last one freed below is not the last one allocated
  for (; step < 2 * kMostSteps; ++step) {
    if (worker->due[step] == nullptr) continue;
    Charge(0);
    EndAll(worker->due[step]);
  }
}

static void Steps(Worker* worker, size_t count, SizeOf size_of, double mean_steps,
                  bool hands_over = false) {
  for (size_t step = 0; step < count; ++step) Step(worker, step, size_of, mean_steps, hands_over);
  EndRest(worker, count, size_of);
}

// Blocks of a burst live until its end; then nothing happens for 10 ms.
static void Bursts(Worker* worker) {
  for (int burst = 0; burst < 8; ++burst) {
    Block* list = nullptr;
    for (int i = 0; i < 500; ++i) Push(Passing(worker, Between(worker, 64, 512)), &list);
    for (int i = 0; i < 20; ++i) Kept(worker, Between(worker, 64, 512));
    EndAll(list);
    for (int i = 0; i < 40; ++i) {
      Block* block = Temporary(worker, Between(worker, 64, 512));
      Charge(100);
      End(block);
      ++block->count->temporary;
    }
    virtual_ns.fetch_add(10'000'000);
  }
}

static void* Thread(void* worker) {
  Steps(static_cast<Worker*>(worker), 1200, SmallSize, 150, true);
  return nullptr;
}
static void Threads() {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) pthread_create(&threads[i], nullptr, Thread, &workers[i]);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  for (Worker& worker : workers) EndAll(worker.handed_over);
}

// Chains of doubling blocks, eight growing by turns; of these every fourth is never freed.
static void Chains(Worker* worker, int rounds) {
  constexpr int kAtOnce = 8;
  for (int round = 0; round < rounds; ++round) {
    Block* chains[kAtOnce];
    size_t links[kAtOnce];
    for (int i = 0; i < kAtOnce; ++i) {
      chains[i] = Passing(worker, 64);
      links[i] = Between(worker, 1, 6);
    }
    for (size_t link = 1; link <= 6; ++link) {
      for (int i = 0; i < kAtOnce; ++i) {
        if (link <= links[i]) chains[i] = Grown(worker, chains[i], size_t{64} << link);
      }
    }
    Kept(worker, 64);
    for (int i = 0; i < kAtOnce; ++i) {
      Charge(100);
      if (i % 4 != 3) End(chains[i]);
    }
  }
}

// One block in a millisecond, by turns small and large: what sampling costs at one interval changes
// 64-fold, and so does the interval that a budget allows. Blocks live across the changes.
static void Changing(Worker* worker) {
  ns_per_reading = 50'000;  // or 1 % of the time would pay for every block
  constexpr size_t kStepsPerPhase = 3500;
  constexpr SizeOf kSizes[] = {MixedSize, LargeMixedSize};
  size_t step = 0;
  for (; step < 6 * kStepsPerPhase; ++step) {
    virtual_ns.fetch_add(1'000'000);
    Step(worker, step, kSizes[step / kStepsPerPhase % 2], 3000, false);
  }
  EndRest(worker, step, MixedSize);
}

// Pairs of malloc and free for 20 s, one in a microsecond: 2 GB/s, more than a budget of 1 % can
// sample at the least interval.
NAMED void BusyPair(Worker* worker) {
  const size_t size = 10 * MixedSize(worker);
  virtual_ns.fetch_add(1000);
  void* address = malloc(size);
  Escape(address);
  free(address);
  ++worker->temporary.allocations;
  ++worker->temporary.frees;
  ++worker->temporary.temporary;
  worker->temporary.bytes += size;
  worker->temporary.ended_bytes += size;
}
static void Busy(Worker* worker) {
  ns_per_reading = 250;
  while (virtual_ns.load() < 20'000'000'000) BusyPair(worker);
}

// ---- the truth ------------------------------------------------------------------------------------

struct Line {
  char text[4096];
  size_t length = 0;

  template <typename... Values>
  void Append(const char* format, Values... values) {
    length += static_cast<size_t>(snprintf(text + length, sizeof text - length, format, values...));
  }
  void Append(const Count& count) {
    const size_t ended = count.frees + count.reallocations;
    Append(" allocations=%zu bytes=%zu frees=%zu reallocations=%zu temporary=%zu",
           count.allocations, count.bytes, count.frees, count.reallocations, count.temporary);
    Append(" leaked_blocks=%zu leaked_bytes=%zu", count.allocations - ended,
           count.bytes - count.ended_bytes);
    if (ended > 0) {
      Append(" lifetime_ns=%.1f",
             static_cast<double>(count.lifetimes_ns) / static_cast<double>(ended));
    }
  }
};

static void PrintTruth() {
  static constexpr Count Worker::*kCounts[] = {&Worker::kept, &Worker::passing, &Worker::temporary,
                                               &Worker::handed, &Worker::grown};
  Count all{"all"};
  Line line;
  Line functions;
  for (Count Worker::*member : kCounts) {
    Count sum{(workers[0].*member).function};
    for (const Worker& worker : workers) sum.Add(worker.*member);
    if (sum.allocations == 0) continue;
    functions.Append(" function=%s", sum.function);
    functions.Append(sum);
    all.Add(sum);
  }
  line.Append("truth ran_ns=%zu reading_ns=%zu", virtual_ns.load(), readings_ns.load());
  line.Append(all);
  line.Append("%s\n", functions.text);
  if (write(STDOUT_FILENO, line.text, line.length) < 0) _exit(1);
}

int main(int argc, char** argv) {
  const char* kind = argc > 1 ? argv[1] : "";
  const auto is = [kind](const char* name) { return strcmp(kind, name) == 0; };
  for (uint64_t i = 0; i < kThreads; ++i) workers[i].random = i + 1;
  if (is("small")) Steps(&workers[0], 4000, SmallSize, 300);
  if (is("huge")) Steps(&workers[0], 80, HugeSize, 8);
  if (is("mixed")) Steps(&workers[0], 4000, MixedSize, 300);
  if (is("bursty")) Bursts(&workers[0]);
  if (is("threads")) Threads();
  if (is("chains")) Chains(&workers[0], 50);
  if (is("many_chains")) Chains(&workers[0], 300);
  if (is("changing")) Changing(&workers[0]);
  if (is("busy")) Busy(&workers[0]);
  PrintTruth();
}
