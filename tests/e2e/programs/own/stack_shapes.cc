// stack_shapes: allocates on stacks of every shape that compilers, libc and libgcc make. Built with many compilers' many
// options, for the agent's walks to be compared with another unwinder's.
//
//   stack_shapes [ROUNDS [SEED]]
//
// A stack is a random sequence of frames: each shape does something to its own frame, goes on to the next, and allocates
// again when that has returned, so that stacks share their outer parts with those before and differ anywhere. Prints how
// often it called the heap.
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstring>
#include <functional>
#include <utility>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "samples/truth.h"

namespace {

// ---- what happens at the end of a stack ----

std::atomic<size_t> heap_calls;

struct Held {
  void* blocks[64];
  ~Held() {
    for (void* block : blocks) std::free(block);
  }
};
thread_local Held held;
thread_local uint64_t random_state;

size_t Random(size_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % below;
}

// Blocks are freed from other stacks than those that they were made on.
NAMED void Allocate() {
  void*& block = held.blocks[Random(64)];
  switch (Random(3)) {
    case 0:
      block = std::realloc(block, 16 + Random(200));
      break;
    case 1:
      std::free(block);
      block = std::malloc(16 + Random(200));
      break;
    default:
      std::free(block);
      block = std::calloc(1, 16 + Random(200));
  }
  ++heap_calls;
  EndOfFrame();
}

NAMED void Next(size_t depth);

struct AllocatesAtItsEnd {
  ~AllocatesAtItsEnd() { Allocate(); }
};

// ---- frames ----

NAMED void Plain(size_t depth) {
  Next(depth);
  EndOfFrame();
}

NAMED void WithAlloca(size_t depth) {
  auto* room = static_cast<char*>(alloca(1 + Random(300)));
  room[0] = 1;
  Escape(room);
  Next(depth);
  room = static_cast<char*>(alloca(1 + Random(3000)));
  room[0] = 1;
  Escape(room);
  Allocate();
  EndOfFrame();
}

NAMED void WithVariableLength(size_t depth) {
  for (size_t i = 1; i < 3; ++i) {
    char room[1 + Random(100) * i];
    room[0] = 1;
    Escape(room);
    Next(depth);
  }
  EndOfFrame();
}

NAMED void Realigned(size_t depth) {
  alignas(64) char room[128];
  Escape(room);
  Next(depth);
  EndOfFrame();
}

// The frame has no fixed distance to its own start: found through a register or a word that was set aside.
NAMED void RealignedWithAlloca(size_t depth) {
  alignas(32) char room[64];
  Escape(room);
  auto* more = static_cast<char*>(alloca(1 + Random(500)));
  more[0] = 1;
  Escape(more);
  Next(depth);
  Escape(room);
  Allocate();
  EndOfFrame();
}

#ifdef __AVX__
NAMED __m256d Vectors(size_t depth, __m256d sum) {
  const __m256d kept = _mm256_add_pd(sum, _mm256_set1_pd(static_cast<double>(depth)));
  Next(depth);
  return _mm256_add_pd(kept, sum);
}
NAMED void WithVectors(size_t depth) {
  const __m256d result = Vectors(depth, _mm256_set1_pd(1));
  asm volatile("" : : "x"(result));
}
#else
NAMED void WithVectors(size_t depth) { Plain(depth); }
#endif

NAMED void Big(size_t depth) {
  char room[20000];
  Escape(room);
  Next(depth);
  EndOfFrame();
}

NAMED size_t SumOfStackArguments(size_t depth, size_t a, size_t b, size_t c, size_t d, size_t e,
                                 size_t f, size_t g, size_t h) {
  Next(depth);
  return a + b + c + d + e + f + g + h;
}
// All registers that outlive calls are in use, and arguments are pushed.
NAMED void WithManyValues(size_t depth) {
  const size_t a = Random(9), b = Random(9), c = Random(9), d = Random(9), e = Random(9);
  const size_t first = SumOfStackArguments(depth, a, b, c, d, e, a, b, c);
  const size_t second = SumOfStackArguments(0, e, d, c, b, a, e, d, c);
  const size_t sum = first + second + a + b + c + d + e;
  asm volatile("" : : "g"(sum));
}

NAMED void Variadic(size_t depth, ...) {
  va_list arguments;
  va_start(arguments, depth);
  const double first = va_arg(arguments, double);
  Next(depth);
  asm volatile("" : : "g"(first));
  va_end(arguments);
}
NAMED void WithArguments(size_t depth) {
  Variadic(depth, 1.5, "text", depth);
  EndOfFrame();
}

// The caller's frame is gone before the callee's begins.
NAMED void TailCall(size_t depth) { return Next(depth); }

NAMED void WithLambda(size_t depth) {
  char captured[48];
  Escape(captured);
  const std::function<void()> next = [captured, depth] {
    Escape(const_cast<char*>(captured));
    Next(depth);
  };
  ++heap_calls;  // the function's own block
  next();
  EndOfFrame();
}

struct Base {
  virtual ~Base() = default;
  virtual void Run(size_t depth) = 0;
};
struct Aside {
  virtual ~Aside() = default;
  virtual void RunAside(size_t depth) = 0;
};
struct Derived : Base, Aside {
  NAMED void Run(size_t depth) override {
    Next(depth);
    EndOfFrame();
  }
  // Called through a thunk that adjusts `this`.
  NAMED void RunAside(size_t depth) override {
    Next(depth);
    Allocate();
  }
};
NAMED void WithVirtualCalls(size_t depth) {
  Derived derived;
  Base* base = &derived;
  Aside* aside = &derived;
  Escape(&base);
  Escape(&aside);
  base->Run(depth);
  aside->RunAside(0);
}

[[gnu::cold]] NAMED void Rarely(size_t depth) {
  Next(depth);
  EndOfFrame();
}
// Its second half lies in another section.
NAMED void HotAndCold(size_t depth) {
  if (__builtin_expect(Random(2) == 0, 0)) {
    char room[200];
    Escape(room);
    Rarely(depth);
    Allocate();
  }
  Next(depth);
  EndOfFrame();
}

thread_local size_t sorting_depth;
NAMED void WithCallback(size_t depth) {
  int numbers[3] = {3, 1, 2};
  const size_t before = sorting_depth;
  sorting_depth = depth;
  qsort(numbers, 3, sizeof(int), [](const void* a, const void* b) {
    if (sorting_depth != 0) {
      Next(std::exchange(sorting_depth, 0));
    } else {
      Allocate();
    }
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
  });
  sorting_depth = before;
}

// ---- frames that do not return ----

// A call of these is the last instruction of its caller, and the return address another function's.
[[noreturn]] NAMED void Throw(int what) {
  Allocate();
  throw what;
}
[[noreturn]] NAMED void Jump(jmp_buf target) {
  Allocate();
  longjmp(target, 1);
}

NAMED void ThrowFromBelow(size_t frames) {
  const AllocatesAtItsEnd in_cleanup;
  if (frames == 0) Throw(7);
  alignas(32) char room[64];
  Escape(room);
  ThrowFromBelow(frames - 1);
  EndOfFrame();
}
NAMED void ThrowAgain(size_t depth) {
  try {
    Next(depth);
    ThrowFromBelow(Random(6));
  } catch (...) {
    Allocate();
    throw;
  }
}
NAMED void WithException(size_t depth) {
  try {
    ThrowAgain(depth);
  } catch (const int& what) {
    ++heap_calls;  // what was thrown
    Next(what == 7 ? std::min<size_t>(depth, 2) : 0);
  }
  EndOfFrame();
}

NAMED void JumpFromBelow(jmp_buf target, size_t frames) {
  Allocate();
  if (frames == 0) Jump(target);
  auto* room = static_cast<char*>(alloca(16 * frames));
  room[0] = 1;
  Escape(room);
  JumpFromBelow(target, frames - 1);
  EndOfFrame();
}
NAMED void WithJump(size_t depth) {
  jmp_buf target;
  if (setjmp(target) == 0) {
    JumpFromBelow(target, Random(8));
  } else {
    Next(depth);
  }
  EndOfFrame();
}

// ---- other stacks ----

struct Fiber {
  ucontext_t inside, outside;
  size_t depth;
};
constexpr size_t kFiberStack = 1 << 20;
thread_local Fiber* fiber;

NAMED void RunFiber() {
  Fiber* self = fiber;
  Next(self->depth);
  swapcontext(&self->inside, &self->outside);
  Next(0);
  swapcontext(&self->inside, &self->outside);
}
NAMED void WithFiber(size_t depth) {
  if (fiber != nullptr) return Next(depth);
  Fiber here;
  here.depth = depth;
  void* stack =
      mmap(nullptr, kFiberStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  getcontext(&here.inside);
  here.inside.uc_stack.ss_sp = stack;
  here.inside.uc_stack.ss_size = kFiberStack;
  here.inside.uc_link = nullptr;
  makecontext(&here.inside, RunFiber, 0);
  fiber = &here;
  swapcontext(&here.outside, &here.inside);
  Allocate();
  swapcontext(&here.outside, &here.inside);
  fiber = nullptr;
  munmap(stack, kFiberStack);
  EndOfFrame();
}

thread_local size_t handler_depth;
NAMED void Handle(int) {
  Next(std::exchange(handler_depth, 0));
  EndOfFrame();
}
NAMED void WithSignal(size_t depth) {
  handler_depth = depth;
  raise(SIGUSR1);
  EndOfFrame();
}
// A fiber that was begun on the signal stack must not begin it again.
thread_local bool on_signal_stack;
NAMED void WithSignalStack(size_t depth) {
  if (on_signal_stack) return Next(depth);
  on_signal_stack = true;
  handler_depth = depth;
  raise(SIGUSR2);
  on_signal_stack = false;
}

// ---- all of them ----

constexpr void (*kShapes[])(size_t) = {
    Plain,       WithAlloca, WithVariableLength, Realigned,        RealignedWithAlloca,
    WithVectors, Big,        WithManyValues,     WithArguments,    TailCall,
    WithLambda,  HotAndCold, WithCallback,       WithVirtualCalls, WithException,
    WithJump,    WithFiber,  WithSignal,         WithSignalStack};
constexpr size_t kShapeCount = sizeof kShapes / sizeof kShapes[0];
constexpr size_t kDeepest = 9;

NAMED void Next(size_t depth) {
  if (depth == 0 || Random(4) == 0) Allocate();
  if (depth != 0) kShapes[Random(kShapeCount)](depth - 1);
  EndOfFrame();
}

// Allocates at the bottom, and on the way back where the depth can be divided by `every`.
NAMED void Recurse(size_t depth, size_t every) {
  if (depth != 0) Recurse(depth - 1, every);
  if (depth % every == 0) Allocate();
  EndOfFrame();
}

// The same frames at the same addresses, reached in two ways.
NAMED void OneWay(size_t depth) {
  Recurse(depth, 1);
  asm volatile("# one way");
}
NAMED void OtherWay(size_t depth) {
  Recurse(depth, 1);
  asm volatile("# other way");
}
NAMED void BothWays() {
  for (size_t i = 0; i < 4; ++i) {
    OneWay(2);
    OtherWay(2);
  }
}

// Frames whose callers' frames slide: what one caller sets aside more of, the frame sets aside less of. So its callees find
// the same registers and the same return addresses where they were, some of them left there by the other caller, and only
// rbp or where it is saved tells the callers apart.
NAMED void AllocateAndFree() {
  std::free(std::malloc(24));
  heap_calls += 2;
}
NAMED void BetweenThem() {
  AllocateAndFree();
  EndOfFrame();
}
NAMED void Slide(size_t bytes) {
  Escape(alloca(bytes));
  BetweenThem();
  EndOfFrame();
}
constexpr size_t kSlide = 512;
NAMED void SlideFromHere(size_t bytes) {
  Escape(alloca(bytes));
  Slide(kSlide - bytes);
  asm volatile("# here");  // or a compiler takes it and its twin for one
}
NAMED void SlideFromThere(size_t bytes) {
  Escape(alloca(bytes));
  Slide(kSlide - bytes);
  asm volatile("# there");
}
NAMED void Slides() {
  for (size_t step = 1; step < 15; ++step) {
    void (*slide)(size_t) = step % 2 == 0 ? SlideFromHere : SlideFromThere;
    Escape(&slide);
    slide(step * 32);
  }
}

// In prologues, epilogues, PLT entries and libc's assembly: wherever the timer strikes. What it interrupts does not
// allocate, and the handler does.
NAMED size_t Churn(size_t depth) {
  char text[64];
  std::snprintf(text, sizeof text, "%zu %zx", depth, depth * 7);
  alignas(64) volatile char room[64] = {};
  const size_t below = depth == 0 ? 0 : Churn(depth - 1);
  return below + std::strlen(text) + std::strcspn(text, "9") +
         static_cast<size_t>(room[depth % 64]);
}
std::atomic<size_t> strikes;
void Strike(int) {
  Allocate();
  ++strikes;
}
void FromRandomInstructions(size_t times) {
  struct sigaction action = {};
  action.sa_handler = Strike;
  sigaction(SIGPROF, &action, nullptr);
  const itimerval every = {{0, 250}, {0, 250}};
  setitimer(ITIMER_PROF, &every, nullptr);
  volatile size_t sum = 0;
  while (strikes < times) sum = sum + Churn(12);
  const itimerval never = {};
  setitimer(ITIMER_PROF, &never, nullptr);
  signal(SIGPROF, SIG_IGN);
}

void OnOwnSignalStack(const std::function<void()>& work) {
  constexpr size_t kBytes = 1 << 20;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = {memory, 0, kBytes};
  sigaltstack(&stack, nullptr);
  work();
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
  munmap(memory, kBytes);
}

void RunRounds(size_t rounds, uint64_t seed) {
  random_state = seed * 0x9e3779b97f4a7c15 | 1;
  OnOwnSignalStack([rounds] {
    for (size_t round = 0; round < rounds; ++round) Next(1 + Random(kDeepest));
  });
}

struct ThreadWork {
  size_t rounds;
  uint64_t seed;
};
void* RunThread(void* argument) {
  const auto* work = static_cast<ThreadWork*>(argument);
  RunRounds(work->rounds, work->seed);
  const AllocatesAtItsEnd in_cleanup;
  pthread_exit(nullptr);  // unwinds
}

}  // namespace

int main(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 1, 60);
  const uint64_t seed = Argument(argc, argv, 2, 1);
  struct sigaction action = {};
  action.sa_handler = Handle;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = SA_NODEFER | SA_ONSTACK;
  sigaction(SIGUSR2, &action, nullptr);

  RunRounds(rounds, seed);
  pthread_t threads[2];
  ThreadWork works[2] = {{rounds / 2, seed + 1}, {rounds / 2, seed + 2}};
  for (size_t i = 0; i < 2; ++i) {
    if (pthread_create(&threads[i], nullptr, RunThread, &works[i]) != 0) return 2;
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  for (const size_t depth : {1, 30, 300, 2000}) Recurse(depth, 1 + depth / 20);
  BothWays();
  Slides();
  FromRandomInstructions(50);
  std::printf("truth heap_calls=%zu\n", heap_calls.load());
}
