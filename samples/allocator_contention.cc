// allocator_contention: threads that allocate at the same time, from an allocator that has one lock for all of them, and
// from one in which each has its own part.
//
//   allocator_contention CASE [ROUNDS]
//
//   one_arena    glibc's malloc with one arena, whose list of free blocks is long: who allocates walks it with the arena's
//                lock held, and the others wait for it, even those that free
//   arenas       the same, but each thread has an arena of its own, and only the main thread's has that list
//   one_lock     liblocked_malloc.so, preloaded, has a mutex for all its calls: threads allocate while it is held
//
// The truth names the function that allocates, or says `finding=none`; of `one_lock` it counts the waits with its own clock.
#include <dlfcn.h>
#include <malloc.h>

#include <deque>

#include "lock_truth.h"

// Behind what threads keep for themselves, and before what is mapped. One list of the arena has them all, ordered by size.
static constexpr size_t kLeastSize = 64 << 10;
static constexpr size_t kSizes = 2000;
static constexpr size_t kStep = 16;

static size_t SizeOf(size_t i) { return kLeastSize + i % kSizes * kStep; }

NAMED void* MakeBuffer(size_t size) {
  void* p = std::malloc(size);
  Escape(p);
  return p;
}
NAMED void FreeBuffer(void* p) {
  std::free(p);
  EndOfFrame();
}

// ---- glibc ----------------------------------------------------------------------------------

// As many free blocks, no two of them neighbours. What is between them stays.
static void MakeFreeBlocks() {
  std::deque<void*> blocks;
  for (size_t i = 0; i < kSizes; ++i) {
    blocks.push_back(std::malloc(SizeOf(i)));
    Escape(std::malloc(kStep));
  }
  for (void* p : blocks) std::free(p);
}

struct Run {
  size_t rounds;
  size_t first;  // so that threads have different sizes
};

// Some are always live, so that none is freed at once. Threads come back at any time, also while another one allocates,
// however many processors there are.
static void* Allocate(void* argument) {
  constexpr size_t kLive = 8;
  constexpr size_t kPauseUs = 20;
  const Run& run = *static_cast<Run*>(argument);
  void* live[kLive] = {};
  for (size_t i = 0; i < run.rounds; ++i) {
    void*& slot = live[i % kLive];
    Nap(kPauseUs);
    FreeBuffer(slot);
    Nap(kPauseUs);
    slot = MakeBuffer(SizeOf(run.first + i * 7));
  }
  for (void* p : live) FreeBuffer(p);
  return nullptr;
}

static void RunThreads(size_t rounds) {
  constexpr size_t kThreads = 8;
  // Arenas neither ask the kernel for more meanwhile nor give memory back.
  Must(mallopt(M_TRIM_THRESHOLD, 1 << 30) == 1 ? 0 : EINVAL);
  Must(mallopt(M_TOP_PAD, 8 << 20) == 1 ? 0 : EINVAL);
  MakeFreeBlocks();
  pthread_t threads[kThreads];
  Run runs[kThreads];
  for (size_t i = 0; i < kThreads; ++i) {
    runs[i] = {rounds, i * kSizes / kThreads};
    Must(pthread_create(&threads[i], nullptr, Allocate, &runs[i]));
  }
  for (const pthread_t thread : threads) Must(pthread_join(thread, nullptr));
}

static void OneArena(int argc, char** argv) {
  Must(mallopt(M_ARENA_MAX, 1) == 1 ? 0 : EINVAL);
  RunThreads(Argument(argc, argv, 2, 1500));
  std::printf("truth finding=allocator_contention function=MakeBuffer\n");
}
static void Arenas(int argc, char** argv) {
  RunThreads(Argument(argc, argv, 2, 1500));
  std::printf("truth finding=none\n");
}

// ---- a lock that can be seen ----------------------------------------------------------------

static void OneLock(int argc, char** argv) {
  auto* mutex = static_cast<pthread_mutex_t*>(dlsym(RTLD_DEFAULT, "locked_malloc_mutex"));
  if (mutex == nullptr) {
    std::fprintf(stderr, "liblocked_malloc.so is not preloaded\n");
    std::exit(2);
  }
  Ledger ledger;
  // Frees are no waits: nobody else calls the allocator then.
  void* made[2];
  const auto allocate = [&](size_t i) {
    const uint64_t begin_ns = NowNs();
    made[i] = MakeBuffer(100);
    ledger.Waited(begin_ns, NowNs());
  };
  {
    Worker a("worker-0", [&] { allocate(0); }), b("worker-1", [&] { allocate(1); });
    for (size_t i = 0; i < Argument(argc, argv, 2, 40); ++i) {
      Must(pthread_mutex_lock(mutex));
      a.CallUntilAsleepOn(*mutex);
      b.CallUntilAsleepOn(*mutex);
      Nap(2000);
      Must(pthread_mutex_unlock(mutex));
      a.AwaitReturn();
      b.AwaitReturn();
      for (void* p : made) FreeBuffer(p);
    }
  }
  std::printf("truth finding=allocator_contention lock=locked_malloc_mutex");
  ledger.Print();
  std::printf(" function=MakeBuffer\n");
}

int main(int argc, char** argv) {
  static constexpr Case kCases[] = {
      {"one_arena", OneArena}, {"arenas", Arenas}, {"one_lock", OneLock}};
  return RunCase(kCases, argc, argv);
}
