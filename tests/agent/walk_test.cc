// Three walks of one stack must agree frame by frame: compiled rules, the whole walk, and libunwind, the oracle.

#define UNW_LOCAL_ONLY
#include <alloca.h>
#include <gtest/gtest.h>
#include <libunwind.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "agent/modules.h"
#include "agent/unwind/rule_table.h"
#include "agent/unwind/spine.h"
#include "agent/unwind/whole_walk.h"

namespace perfagent {

// The agent's own frames are left out of its walks; here there are none.
bool modules::IsAgent(uint64_t) { return false; }

namespace {

constexpr size_t kMost = 512;

struct Comparison {
  size_t stacks = 0, frames = 0, by_rules = 0, truncated = 0;
};
Comparison total;

using Pcs = std::vector<uint64_t>;

// The callers of the function that this is inlined into, as the agent stores them.
[[gnu::always_inline]] inline Pcs CallersByLibunwind() {
  unw_context_t context;
  unw_getcontext(&context);
  unw_cursor_t cursor;
  unw_init_local(&cursor, &context);
  Pcs pcs;
  while (pcs.size() + 1 < kMost && unw_step(&cursor) > 0) {
    unw_word_t pc = 0;
    unw_get_reg(&cursor, UNW_REG_IP, &pc);
    if (pc == 0) break;
    // libunwind calls the interrupted function's frame the signal's.
    pcs.push_back(pc + (unw_is_signal_frame(&cursor) > 0 ? 1 : 0));
  }
  return pcs;
}

// Without the first frame, which is the walker's caller itself at another instruction.
Pcs Callers(const uint64_t* pcs, const whole_walk::Walk& walk) {
  return {pcs + 1, pcs + walk.count};
}

Pcs CallersOf(const Spine& spine) {
  Pcs pcs(spine.pcs(), spine.pcs() + spine.count());
  std::reverse(pcs.begin(), pcs.end());
  if (pcs.size() > kMost) pcs.resize(kMost);
  pcs.erase(pcs.begin());
  return pcs;
}

[[gnu::noinline]] void CompareWalksHere() {
  const whole_walk::Registers registers = whole_walk::Capture();
  const Pcs expected = CallersByLibunwind();
  static thread_local Workspace workspace;
  uint64_t pcs[kMost];
  const whole_walk::Walk whole = whole_walk::Run(registers, &workspace, pcs, kMost);
  ++total.stacks;
  total.frames += whole.count;
  total.truncated += whole.truncated;
  ASSERT_GT(expected.size(), 1u);
  ASSERT_EQ(Callers(pcs, whole), expected);
  // Once from nothing, and once with what this thread's last walk left.
  static thread_local const auto fresh = std::make_unique<Spine>(),
                                 last = std::make_unique<Spine>();
  fresh->Clear();
  workspace.bounds.Enter(registers.rsp);
  for (Spine* spine : {fresh.get(), last.get()}) {
    if (!spine->Walk({registers.rip, registers.rsp, registers.rbp}, 0, kMost, &workspace)) return;
    ASSERT_EQ(spine->is_truncated() || spine->count() > kMost, whole.truncated);
    ASSERT_EQ(CallersOf(*spine), expected);
  }
  ASSERT_EQ(fresh->hash(fresh->count() - 1), last->hash(last->count() - 1));
  ++total.by_rules;
}

class Walk : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(rule_table::Start()); }
  void SetUp() override { total = Comparison(); }
  static void ExpectWhole() {
    EXPECT_EQ(total.truncated, 0u);
    printf("compared %zu stacks, %zu frames\n", total.stacks, total.frames);
  }
  static void ExpectByRules() {
    EXPECT_EQ(total.by_rules, total.stacks);
    ExpectWhole();
  }
};

[[gnu::noinline]] void Recurse(int depth, const std::function<void()>& leaf) {
  if (depth == 0) {
    leaf();
  } else {
    Recurse(depth - 1, leaf);
  }
  asm volatile("");
}

TEST_F(Walk, PlainRecursion) {
  Recurse(200, CompareWalksHere);
  ExpectByRules();
}

TEST_F(Walk, DeeperThanTheBufferIsTruncatedInBoth) {
  Recurse(600, CompareWalksHere);
  EXPECT_EQ(total.truncated, 1u);
}

TEST_F(Walk, ThroughLibrariesThatCallBack) {
  std::vector<int> numbers(300);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>((i * 7919) % 300);
  qsort(numbers.data(), numbers.size(), sizeof(int), [](const void* a, const void* b) {
    CompareWalksHere();
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
  });
  std::sort(numbers.begin(), numbers.end(), [](int a, int b) {
    CompareWalksHere();
    return a > b;
  });
  EXPECT_GT(total.stacks, 1000u);
  ExpectByRules();
}

[[gnu::noinline]] void WithAlloca(size_t size) {
  volatile char* room = static_cast<char*>(alloca(size));
  room[0] = 1;
  Recurse(3, CompareWalksHere);
}
TEST_F(Walk, FramesOfVariableSize) {
  for (size_t size : {1, 100, 4000, 100000}) WithAlloca(size);
  ExpectByRules();
}

// A realigned frame finds its CFA through a register other than rsp and rbp or through an expression.
[[gnu::noinline]] void Realigned(int depth) {
  alignas(64) volatile char room[256];
  room[depth] = 1;
  volatile char* more = static_cast<char*>(alloca(static_cast<size_t>(depth) + 1));
  more[0] = room[depth];
  if (depth == 0) {
    CompareWalksHere();
  } else {
    Realigned(depth - 1);
  }
  asm volatile("" : : "r"(room), "r"(more) : "memory");
}
TEST_F(Walk, RealignedFrames) {
  Realigned(20);
  EXPECT_EQ(total.stacks, 1u);
  ExpectWhole();
}

TEST_F(Walk, WhileAnExceptionIsBeingHandled) {
  struct OnUnwind {
    ~OnUnwind() { CompareWalksHere(); }
  };
  try {
    Recurse(5, [] {
      const OnUnwind in_cleanup;
      throw std::runtime_error("thrown by the test");
    });
  } catch (const std::runtime_error&) {
    CompareWalksHere();
  }
  EXPECT_EQ(total.stacks, 2u);
  ExpectByRules();
}

TEST_F(Walk, InThreadsToTheirStart) {
  for (int i = 0; i < 8; ++i) std::thread([] { Recurse(20, CompareWalksHere); }).join();
  EXPECT_EQ(total.stacks, 8u);
  ExpectByRules();
}

void OnSignal(int) { Recurse(3, CompareWalksHere); }

TEST_F(Walk, ThroughASignalFrame) {
  signal(SIGUSR1, OnSignal);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(total.stacks, 1u);
  EXPECT_EQ(total.by_rules, 0u);
  ExpectWhole();
}

// What is interrupted allocates nothing, so that the comparison may.
[[gnu::noinline]] size_t Churn(int depth) {
  char text[64];
  snprintf(text, sizeof text, "%d %x", depth, depth * 7);
  alignas(64) volatile char room[64] = {};
  const size_t below = depth == 0 ? 0 : Churn(depth - 1);
  return below + strlen(text) + strcspn(text, "9") + static_cast<size_t>(room[depth % 64]);
}

// In prologues and epilogues, in PLT entries, in libc's assembly: wherever the timer strikes.
TEST_F(Walk, FromRandomInstructions) {
  struct sigaction action = {};
  action.sa_handler = [](int) { CompareWalksHere(); };
  sigaction(SIGPROF, &action, nullptr);
  const itimerval every = {{0, 250}, {0, 250}};
  setitimer(ITIMER_PROF, &every, nullptr);
  volatile size_t sum = 0;
  while (total.stacks < 500) sum = sum + Churn(12);
  const itimerval never = {};
  setitimer(ITIMER_PROF, &never, nullptr);
  signal(SIGPROF, SIG_DFL);
  ExpectWhole();
}

TEST_F(Walk, OnASignalStack) {
  const size_t size = 256 << 10;
  void* memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  stack_t stack = {memory, 0, size};
  ASSERT_EQ(sigaltstack(&stack, nullptr), 0);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_DFL);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
  munmap(memory, size);
  EXPECT_EQ(total.stacks, 1u);
  ExpectWhole();
}

ucontext_t main_context, fiber_context;
void Fiber() {
  Recurse(10, CompareWalksHere);
  swapcontext(&fiber_context, &main_context);
}
TEST_F(Walk, OnAFiber) {
  std::vector<char> memory(256 << 10);
  getcontext(&fiber_context);
  fiber_context.uc_stack.ss_sp = memory.data();
  fiber_context.uc_stack.ss_size = memory.size();
  fiber_context.uc_link = &main_context;
  makecontext(&fiber_context, Fiber, 0);
  swapcontext(&main_context, &fiber_context);
  EXPECT_EQ(total.stacks, 1u);
  EXPECT_GT(total.frames, 10u);
}

}  // namespace
}  // namespace perfagent
