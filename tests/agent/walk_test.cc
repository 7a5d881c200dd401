// Two walks of one stack must agree frame by frame: rules compiled here, and libunwind.

#include <alloca.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "agent/modules.h"
#include "agent/unwind/rule_table.h"
#include "agent/unwind/rule_walk.h"
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

[[gnu::noinline]] void CompareWalksHere() {
  const whole_walk::Registers registers = whole_walk::Capture();
  StackBounds bounds;
  uint64_t by_rules[kMost], by_library[kMost];
  const whole_walk::Walk library = whole_walk::Run(registers, &bounds, by_library, kMost);
  whole_walk::Walk rules;
  ++total.stacks;
  ASSERT_GT(library.count, 2u);
  if (!rule_walk::Run(registers, 0, &bounds, by_rules, kMost, &rules)) return;
  ++total.by_rules;
  total.frames += rules.count;
  total.truncated += rules.truncated;
  ASSERT_EQ(rules.truncated, library.truncated);
  ASSERT_EQ(std::vector<uint64_t>(by_rules, by_rules + rules.count),
            std::vector<uint64_t>(by_library, by_library + library.count));
}

class Walk : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(rule_table::Start());
    works_ = whole_walk::Start(reinterpret_cast<uint64_t>(__builtin_return_address(0)));
  }
  void SetUp() override {
    ASSERT_TRUE(works_) << "libunwind-x86_64.so.8 is needed (package libunwind8)";
    total = Comparison();
  }
  static void ExpectByRules() {
    EXPECT_EQ(total.by_rules, total.stacks);
    EXPECT_EQ(total.truncated, 0u);
    printf("compared %zu stacks, %zu frames\n", total.stacks, total.frames);
  }
  static inline bool works_;
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
TEST_F(Walk, RealignedFramesAreRightOrLeftToTheLibrary) {
  Realigned(20);
  EXPECT_EQ(total.stacks, 1u);
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

TEST_F(Walk, ThroughASignalFrameTheLibraryWalks) {
  signal(SIGUSR1, OnSignal);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(total.stacks, 1u);
  EXPECT_EQ(total.by_rules, 0u);
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
