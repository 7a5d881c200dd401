// heap_findings: one case for each rule about the heap, and one like it in which there is nothing to find.
//
//   heap_findings CASE
//
//   leak, cache, plateau        memory grows and stays; grows and is partly freed; grows and stops
//   startup, steady             made at the start and kept; replaced again and again
//   growth_chain, temporary, pool
//   rotate                      blocks of all sizes, each freed some time after it was made
//   small_blocks, one_block     a million bytes in nodes of 16; the same in few blocks
//   slack, fits                 blocks that fall just behind a size class; that fill it
//   cross_thread, comes_back    freed where they are used; where they were made
//   false_sharing, apart        threads' counters side by side; each thread's on their own
//   large_realloc, at_once      a buffer copied on its way to its size; allocated in it
//   churn_burst, even_churn     as many calls in five moments; all the time
//   repeated_construction, once a regular expression made for each use; made once
//
// The truth names the finding and the function that it accuses, or says `finding=none`.
#include <malloc.h>
#include <pthread.h>

#include <atomic>
#include <deque>
#include <regex>
#include <string>
#include <vector>

#include "lock_truth.h"
#include "truth.h"

// What is watched for a second and more: this long, in equal steps.
static constexpr size_t kSteps = 300;
static constexpr size_t kStepUs = 5000;
// Fills a size class of glibc's.
static constexpr size_t kSize = 56;

static void PrintNothing() { std::printf("truth finding=none\n"); }

// The same numbers in every run.
static size_t Random(size_t end) {
  static thread_local uint64_t state = 1;
  state = state * 6364136223846793005 + 1442695040888963407;
  return static_cast<size_t>(state >> 33) % end;
}

// Its name says what it is: whoever calls it is accused.
static void* Malloc(size_t size) {
  void* p = std::malloc(size);
  Escape(p);
  return p;
}

static void FreeAll(std::deque<void*>* blocks) {
  for (void* p : *blocks) std::free(p);
  blocks->clear();
}

// ---- what grows -----------------------------------------------------------------------------

// Their own blocks: as large as they get, so that they do not grow.
template <size_t kCapacity>
struct Ring {
  void* blocks[kCapacity] = {};
  size_t first = 0, count = 0;

  void Push(void* p) { blocks[(first + count++) % kCapacity] = p; }
  void FreeOldest() {
    std::free(blocks[first]);
    first = (first + 1) % kCapacity;
    --count;
  }
};
static Ring<40000> ring;

NAMED void LeakHere() {
  Malloc(kSize);
  EndOfFrame();
}
NAMED void InsertHere() {
  ring.Push(Malloc(kSize));
  EndOfFrame();
}

static void Leak(int, char**) {
  for (size_t step = 0; step < kSteps; ++step) {
    for (size_t i = 0; i < 40; ++i) LeakHere();
    Nap(kStepUs);
  }
  std::printf("truth finding=leak bytes=%zu function=LeakHere\n", kSteps * 40 * kSize);
}

// Two for each that ends.
static void Cache(int, char**) {
  for (size_t step = 0; step < kSteps; ++step) {
    for (size_t i = 0; i < 60; ++i) InsertHere();
    for (size_t i = 0; i < 30; ++i) ring.FreeOldest();
    Nap(kStepUs);
  }
  std::printf("truth finding=cache function=InsertHere\n");
}

static void InsertUpTo(size_t most, size_t at_first) {
  for (size_t step = 0; step < kSteps; ++step) {
    for (size_t i = 0; i < (step == 0 ? at_first : 60); ++i) {
      if (ring.count == most) ring.FreeOldest();
      InsertHere();
    }
    Nap(kStepUs);
  }
}
static void Plateau(int, char**) {
  InsertUpTo(8000, 60);
  std::printf("truth finding=plateau function=InsertHere\n");
}
// Full before the first nap.
static void Steady(int, char**) {
  InsertUpTo(8000, 8000);
  PrintNothing();
}
static void Startup(int, char**) {
  for (size_t i = 0; i < 8000; ++i) InsertHere();
  Nap(kSteps * kStepUs);
  PrintNothing();
}

// ---- what churns ----------------------------------------------------------------------------

static constexpr size_t kRounds = 300'000;

NAMED void GrowHere() {
  std::vector<int> values;
  for (int i = 0; i < 1000; ++i) values.push_back(i);
  Escape(values.data());
}
static void GrowthChain(int, char**) {
  constexpr size_t kVectors = 5000;
  for (size_t i = 0; i < kVectors; ++i) GrowHere();
  // 1, 2, 4, ... 512 elements were copied.
  std::printf("truth finding=growth_chain copied=%zu function=GrowHere\n",
              kVectors * 1023 * sizeof(int));
}

NAMED void MakeTemporary() {
  std::free(Malloc(kSize));
  EndOfFrame();
}
static void Temporary(int, char**) {
  for (size_t i = 0; i < kRounds; ++i) MakeTemporary();
  std::printf("truth finding=temporary function=MakeTemporary\n");
}

static constexpr size_t kAtATime = 64;
NAMED void MakeShortLived(size_t size) {
  if (ring.count == kAtATime) ring.FreeOldest();
  ring.Push(Malloc(size));
  EndOfFrame();
}
static void Pool(int, char**) {
  for (size_t i = 0; i < kRounds; ++i) MakeShortLived(kSize);
  std::printf("truth finding=pool function=MakeShortLived\n");
}

NAMED void* Replace(void* before) {
  void* p = Malloc(100 + Random(3000));
  std::free(before);
  return p;
}
static void Rotate(int, char**) {
  void* last = nullptr;
  for (size_t i = 0; i < kRounds; ++i) last = Replace(last);
  for (size_t i = 0; i < kRounds; ++i) MakeShortLived(100 + Random(1000));
  std::free(last);
  PrintNothing();
}

// ---- what takes memory ----------------------------------------------------------------------

NAMED void* MakeNode(size_t size) { return Malloc(size); }

// All live at once, until the end.
static void MakeNodes(size_t count, size_t size) {
  std::deque<void*> nodes;
  for (size_t i = 0; i < count; ++i) nodes.push_back(MakeNode(size));
  FreeAll(&nodes);
}
static void SmallBlocks(int, char**) {
  MakeNodes(100'000, 16);
  std::printf("truth finding=small_blocks function=MakeNode\n");
}
static void OneBlock(int, char**) {
  MakeNodes(20, 100'000 * 16 / 20);
  PrintNothing();
}

static void MakeNodesOf(size_t size, bool is_found) {
  constexpr size_t kNodes = 20'000;
  void* one = MakeNode(size);
  const size_t slack = malloc_usable_size(one) - size;
  std::free(one);
  MakeNodes(kNodes, size);
  if (!is_found) return PrintNothing();
  std::printf("truth finding=slack slack=%zu function=MakeNode\n", slack);
}
static void Slack(int, char**) { MakeNodesOf(kSize + 1, true); }
static void Fits(int, char**) { MakeNodesOf(kSize, false); }

// ---- threads --------------------------------------------------------------------------------

// One fills it, the other takes it away; each waits until the other has.
static constexpr size_t kBatch = 1000;
static constexpr size_t kBatches = 100;
static void* batch[kBatch];
static std::atomic<size_t> filled, taken;

NAMED void Produce(size_t i) {
  batch[i] = Malloc(100 + Random(1000));
  EndOfFrame();
}
NAMED void FreeBatch() {
  for (void* p : batch) std::free(p);
  EndOfFrame();
}

static void* Producer(void* frees) {
  pthread_setname_np(pthread_self(), "producer");
  for (size_t n = 0; n < kBatches; ++n) {
    for (size_t i = 0; i < kBatch; ++i) Produce(i);
    ++filled;
    Await([n] { return taken == n + 1; });
    if (frees != nullptr) FreeBatch();
  }
  return nullptr;
}
static void* Consumer(void* frees) {
  pthread_setname_np(pthread_self(), "consumer");
  for (size_t n = 0; n < kBatches; ++n) {
    Await([n] { return filled == n + 1; });
    if (frees != nullptr) FreeBatch();
    ++taken;
  }
  return nullptr;
}

static void RunBoth(void* (*first)(void*), void* first_argument, void* (*second)(void*),
                    void* second_argument) {
  pthread_t threads[2];
  Must(pthread_create(&threads[0], nullptr, first, first_argument));
  Must(pthread_create(&threads[1], nullptr, second, second_argument));
  for (const pthread_t thread : threads) Must(pthread_join(thread, nullptr));
}
static char yes;
static void CrossThread(int, char**) {
  RunBoth(Producer, nullptr, Consumer, &yes);
  std::printf(
      "truth finding=cross_thread blocks=%zu producer=producer consumer=consumer "
      "function=Produce\n",
      kBatch * kBatches);
}
static void ComesBack(int, char**) {
  RunBoth(Producer, &yes, Consumer, nullptr);
  PrintNothing();
}

static constexpr size_t kCounters = 200;
static std::atomic<size_t> turn;
static size_t at_a_time;
NAMED void* MakeCounter() { return Malloc(24); }

// Takes its turns to make its counters, and keeps them for most of the run.
static void* Count(void* is_second) {
  void* counters[kCounters];
  for (size_t i = 0; i < kCounters; ++i) {
    if (i % at_a_time == 0) {
      const size_t mine = i / at_a_time * 2 + (is_second != nullptr ? 1 : 0);
      Await([mine] { return turn == mine; });
    }
    counters[i] = MakeCounter();
    if ((i + 1) % at_a_time == 0) ++turn;
  }
  Await([] { return turn == 2 * kCounters / at_a_time; });
  Nap(300'000);
  for (void* p : counters) std::free(p);
  return nullptr;
}
static void CountBoth(size_t counters_at_a_time) {
  Must(mallopt(M_ARENA_MAX, 1) == 1 ? 0 : EINVAL);
  at_a_time = counters_at_a_time;
  RunBoth(Count, nullptr, Count, &yes);
}
static void FalseSharing(int, char**) {
  CountBoth(1);
  std::printf("truth finding=false_sharing function=MakeCounter\n");
}
static void Apart(int, char**) {
  CountBoth(kCounters);
  PrintNothing();
}

// ---- large blocks ---------------------------------------------------------------------------

static size_t copied_bytes;
NAMED char* GrowBuffer(char* buffer, size_t size, size_t more) {
  const auto before = reinterpret_cast<uintptr_t>(buffer);
  char* larger = static_cast<char*>(std::realloc(buffer, size + more));
  if (reinterpret_cast<uintptr_t>(larger) != before) copied_bytes += size;
  std::memset(larger + size, 1, more);
  Escape(larger);
  return larger;
}

// Two buffers that are in each other's way; glibc is told not to give them pages of their own, which it could move.
static void LargeRealloc(int, char**) {
  Must(mallopt(M_MMAP_THRESHOLD, 1 << 30) == 1 ? 0 : EINVAL);
  constexpr size_t kMore = 256 << 10;
  char* buffers[2] = {};
  for (size_t size = 0; size < (12 << 20); size += kMore) {
    for (char*& buffer : buffers) {
      if (buffer == nullptr) buffer = static_cast<char*>(Malloc(1));
      buffer = GrowBuffer(buffer, size, kMore);
    }
  }
  for (char* buffer : buffers) std::free(buffer);
  std::printf("truth finding=large_realloc copied=%zu function=GrowBuffer\n", copied_bytes);
}
// Their pages are moved, and what is in them is not copied.
static void AtOnce(int, char**) {
  constexpr size_t kMore = 256 << 10;
  char* buffers[2] = {};
  for (size_t size = 0; size < (12 << 20); size += kMore) {
    for (char*& buffer : buffers) buffer = GrowBuffer(buffer, size, kMore);
  }
  for (char* buffer : buffers) std::free(buffer);
  PrintNothing();
}

// ---- moments --------------------------------------------------------------------------------

static constexpr size_t kCallsInAll = 150'000;
static constexpr size_t kBursts = 5;

NAMED void ChurnHere(size_t count) {
  for (size_t i = 0; i < count; ++i) ring.Push(Malloc(100 + Random(500)));
  while (ring.count > 0) ring.FreeOldest();
}
static void ChurnInTurns(size_t each, size_t steps_between) {
  for (size_t step = 0; step < kSteps; ++step) {
    if (step % steps_between == steps_between / 2) ChurnHere(each);
    Nap(kStepUs);
  }
}
static void ChurnBurst(int, char**) {
  ChurnInTurns(kCallsInAll / kBursts, kSteps / kBursts);
  std::printf("truth finding=churn_burst bursts=%zu function=ChurnHere\n", kBursts);
}
static void EvenChurn(int, char**) {
  ChurnInTurns(kCallsInAll / kSteps, 1);
  PrintNothing();
}

// ---- construction ---------------------------------------------------------------------------

static constexpr char kPattern[] = "([a-z]+)=([0-9]+|true|false);?";
NAMED bool MatchWithNew(const char* text) { return std::regex_match(text, std::regex(kPattern)); }
static void RepeatedConstruction(int, char**) {
  size_t matches = 0;
  for (size_t i = 0; i < 1000; ++i) matches += MatchWithNew("limit=12345;");
  std::printf("truth finding=repeated_construction matches=%zu function=MatchWithNew\n", matches);
}

NAMED bool MatchWithOne(const char* text) {
  static const std::regex one(kPattern);
  return std::regex_match(text, one);
}
static void Once(int, char**) {
  size_t matches = 0;
  for (size_t i = 0; i < 500; ++i) matches += MatchWithOne("limit=12345;");
  if (matches != 500) std::abort();
  PrintNothing();
}

int main(int argc, char** argv) {
  static const Case kCases[] = {{"leak", Leak},
                                {"cache", Cache},
                                {"plateau", Plateau},
                                {"startup", Startup},
                                {"steady", Steady},
                                {"growth_chain", GrowthChain},
                                {"temporary", Temporary},
                                {"pool", Pool},
                                {"rotate", Rotate},
                                {"small_blocks", SmallBlocks},
                                {"one_block", OneBlock},
                                {"slack", Slack},
                                {"fits", Fits},
                                {"cross_thread", CrossThread},
                                {"comes_back", ComesBack},
                                {"false_sharing", FalseSharing},
                                {"apart", Apart},
                                {"large_realloc", LargeRealloc},
                                {"at_once", AtOnce},
                                {"churn_burst", ChurnBurst},
                                {"even_churn", EvenChurn},
                                {"repeated_construction", RepeatedConstruction},
                                {"once", Once}};
  return RunCase(kCases, argc, argv);
}
