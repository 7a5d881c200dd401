// fibers: contexts of makecontext that allocate and lock on stacks of their own, are left between any two calls, go on
// in another thread, and whose stacks are given back when they end.
//
//   fibers [GENERATIONS]
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <atomic>

#include "samples/truth.h"

static constexpr size_t kFibers = 8;  // of each thread
static constexpr size_t kStack = 64 << 10;
static constexpr size_t kSteps = 6;
static constexpr size_t kSize = 104;
static constexpr size_t kThreads = 2;

struct Fiber {
  ucontext_t context;
  void* stack;
  bool mapped;
  bool ended;
};

static Fiber fibers[kThreads][kFibers];
static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static std::atomic<size_t> allocations, bytes, acquisitions;
static size_t generations;

// Found anew after each switch: the fiber may be in another thread by then.
static thread_local ucontext_t scheduler;
static thread_local Fiber* current;
NAMED Fiber* Current() {
  Escape(&current);
  return current;
}
NAMED ucontext_t* Scheduler() {
  Escape(&scheduler);
  return &scheduler;
}

static void Yield() { swapcontext(&Current()->context, Scheduler()); }

NAMED void RunFiber() {
  for (size_t step = 0; step < kSteps; ++step) {
    void* p = std::malloc(kSize + step);
    Escape(p);
    allocations += 1;
    bytes += kSize + step;
    Yield();
    pthread_mutex_lock(&mutex);
    acquisitions += 1;
    pthread_mutex_unlock(&mutex);
    Yield();
    std::free(p);
  }
  Current()->ended = true;
  Yield();
}

NAMED void* AllocateStack(bool mapped) {
  if (!mapped) return std::malloc(kStack);
  return mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void Start(Fiber& fiber, bool mapped) {
  fiber.mapped = mapped;
  fiber.ended = false;
  fiber.stack = AllocateStack(mapped);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, RunFiber, 0);
}

static void Finish(Fiber& fiber) {
  if (fiber.mapped) {
    munmap(fiber.stack, kStack);
  } else {
    std::free(fiber.stack);
  }
}

// Runs each fiber of one set until it yields. True: all have ended.
static bool RunOnce(Fiber (&set)[kFibers]) {
  bool all_ended = true;
  for (Fiber& fiber : set) {
    if (fiber.ended) continue;
    current = &fiber;
    swapcontext(Scheduler(), &fiber.context);
    all_ended = all_ended && fiber.ended;
  }
  return all_ended;
}

static void* RunThread(void* argument) {
  size_t mine = reinterpret_cast<size_t>(argument);
  for (size_t generation = 0; generation < generations; ++generation) {
    for (size_t i = 0; i < kFibers; ++i) Start(fibers[mine][i], (i + generation) % 2 == 0);
    // The sets change hands after every step; both end in the same one.
    for (bool ended = false; !ended;) {
      ended = RunOnce(fibers[mine]);
      pthread_barrier_wait(&barrier);
      mine = (mine + 1) % kThreads;
    }
    for (Fiber& fiber : fibers[mine]) Finish(fiber);
  }
  return nullptr;
}

int main(int argc, char** argv) {
  generations = Argument(argc, argv, 1, 100);
  pthread_barrier_init(&barrier, nullptr, kThreads);
  pthread_t threads[kThreads];
  for (size_t i = 0; i < kThreads; ++i) {
    if (pthread_create(&threads[i], nullptr, RunThread, reinterpret_cast<void*>(i)) != 0) return 2;
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  std::printf("truth acquisitions=%zu", acquisitions.load());
  Tally{allocations, bytes, allocations, bytes}.Print("RunFiber");
  const size_t stacks = generations * kThreads * kFibers / 2;
  Tally{stacks, stacks * kStack, stacks, stacks * kStack}.Print("AllocateStack");
  std::printf("\n");
}
