// lock_objects: locks that are told apart by where they lie, and what is done while they are held.
//
//   lock_objects CASE [ROUNDS]
//
//   heap        a mutex within an object of the heap; freed, its address becomes that of another object's mutex
//   inside      a megabyte and ten small blocks are made and freed in each section
//   cache_line  two mutexes within 64 bytes, both waited for at the same time
#include <cstddef>
#include <mutex>

#include "lock_truth.h"

// ---- heap -----------------------------------------------------------------------------------

// std::mutex calls no function when it begins and ends: only the block says which one it is.
struct Cache {
  char entries[200];
  std::mutex mutex;
};
struct Index {
  char entries[200];
  std::mutex mutex;
};
static_assert(sizeof(Cache) == sizeof(Index));

static std::mutex* heap_mutex;
static Ledger cache_ledger;
static Ledger index_ledger;
static Ledger* heap_ledger;

NAMED Cache* MakeCache() {
  auto* cache = new Cache;
  EndOfFrame();
  return cache;
}
NAMED Index* MakeIndex() {
  auto* index = new Index;
  EndOfFrame();
  return index;
}

NAMED void WaitForObject() {
  const uint64_t begin_ns = NowNs();
  heap_mutex->lock();
  heap_ledger->Waited(begin_ns, NowNs());
  heap_ledger->Releases(__func__);
  heap_mutex->unlock();
  EndOfFrame();
}

NAMED void UseObject(Worker* waiter) {
  heap_mutex->lock();
  waiter->CallUntilAsleepOn(*heap_mutex);
  // So long that sampling keeps every wait: then each mutex's part of what is counted at their address is known exactly.
  Nap(20'000);
  heap_ledger->Releases(__func__);
  heap_mutex->unlock();
  EndOfFrame();
}

static void Use(std::mutex* mutex, Ledger* ledger, Worker* waiter, size_t rounds) {
  heap_mutex = mutex;
  heap_ledger = ledger;
  for (; rounds > 0; --rounds) {
    UseObject(waiter);
    waiter->AwaitReturn();
  }
}

static void PrintObject(const char* made_by, size_t offset, size_t size, const Ledger& ledger) {
  std::printf(" lock=%s allocated_in=%s offset=%zu size=%zu", made_by, made_by, offset, size);
  ledger.Print();
}

static void Heap(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 10);
  Worker waiter("waiter", WaitForObject);
  Cache* cache = MakeCache();
  const auto address = reinterpret_cast<uint64_t>(cache);
  Use(&cache->mutex, &cache_ledger, &waiter, rounds);
  delete cache;
  Index* index = MakeIndex();
  if (reinterpret_cast<uint64_t>(index) != address) {
    std::fprintf(stderr, "the allocator did not give the block again\n");
    std::exit(2);
  }
  Use(&index->mutex, &index_ledger, &waiter, 2 * rounds);
  std::printf("truth");
  PrintObject("MakeCache", offsetof(Cache, mutex), sizeof(Cache), cache_ledger);
  PrintObject("MakeIndex", offsetof(Index, mutex), sizeof(Index), index_ledger);
  std::printf("\n");
  delete index;
}

// ---- inside ---------------------------------------------------------------------------------

static pthread_mutex_t fill_mutex = PTHREAD_MUTEX_INITIALIZER;
constexpr size_t kLarge = 1 << 20, kSmall = 48, kSmallBlocks = 10;

NAMED void FillLocked(Tally* tally) {
  Must(pthread_mutex_lock(&fill_mutex));
  void* large = std::malloc(kLarge);
  Escape(large);
  tally->Allocated(kLarge);
  void* small[kSmallBlocks];
  for (void*& block : small) {
    block = std::malloc(kSmall);
    Escape(block);
    tally->Allocated(kSmall);
  }
  for (void* block : small) {
    std::free(block);
    tally->Freed(kSmall);
  }
  std::free(large);
  tally->Freed(kLarge);
  Must(pthread_mutex_unlock(&fill_mutex));
  EndOfFrame();
}

// In a thread beside main: with a single one, libc takes its locks in another way.
static void Inside(int argc, char** argv) {
  const size_t sections = Argument(argc, argv, 2, 60'000);
  Tally tally;
  {
    Worker fills("fills", [&] {
      for (size_t i = 0; i < sections; ++i) FillLocked(&tally);
    });
    fills.Call();
    fills.AwaitReturn();
  }
  std::printf(
      "truth lock=fill_mutex contended=0 wait_ns=0 sections=%zu allocations_in_each=%zu "
      "bytes_in_each=%zu",
      sections, 1 + kSmallBlocks, kLarge + kSmallBlocks * kSmall);
  tally.Print("FillLocked");
  std::printf("\n");
}

// ---- cache_line -----------------------------------------------------------------------------

// 40 bytes each: both lock words are in one line.
struct alignas(64) Neighbours {
  pthread_mutex_t left = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_t right = PTHREAD_MUTEX_INITIALIZER;
};
static Neighbours neighbours;
static Ledger left_ledger;
static Ledger right_ledger;

NAMED void WaitForNeighbour(pthread_mutex_t* mutex, Ledger* ledger) {
  const uint64_t begin_ns = NowNs();
  Must(pthread_mutex_lock(mutex));
  ledger->Waited(begin_ns, NowNs());
  ledger->Releases(__func__);
  Must(pthread_mutex_unlock(mutex));
  EndOfFrame();
}

NAMED void HoldNeighbour(pthread_mutex_t* mutex, Ledger* ledger, Worker* waiter) {
  Must(pthread_mutex_lock(mutex));
  waiter->CallUntilAsleepOn(*mutex);
  Nap(2000);
  ledger->Releases(__func__);
  Must(pthread_mutex_unlock(mutex));
  EndOfFrame();
}

// Between the waits the lock is taken as fast as it goes, beside the other one.
static void UseNeighbour(pthread_mutex_t* mutex, Ledger* ledger, size_t rounds) {
  Worker waiter("waiter", [=] { WaitForNeighbour(mutex, ledger); });
  for (; rounds > 0; --rounds) {
    HoldNeighbour(mutex, ledger, &waiter);
    waiter.AwaitReturn();
    for (int i = 0; i < 20'000; ++i) {
      Must(pthread_mutex_lock(mutex));
      Must(pthread_mutex_unlock(mutex));
    }
  }
}

static void CacheLine(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 40);
  std::thread left([=] { UseNeighbour(&neighbours.left, &left_ledger, rounds); });
  std::thread right([=] { UseNeighbour(&neighbours.right, &right_ledger, rounds); });
  left.join();
  right.join();
  std::printf("truth lock=neighbours");
  left_ledger.Print();
  std::printf(" lock=neighbours+0x%zx", offsetof(Neighbours, right));
  right_ledger.Print();
  std::printf("\n");
}

static const Case kCases[] = {{"heap", Heap}, {"inside", Inside}, {"cache_line", CacheLine}};

int main(int argc, char** argv) { return RunCase(kCases, argc, argv); }
