#include "agent/unwind/stack_bounds.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>

#include <thread>

namespace perfagent {
namespace {

uintptr_t Here() { return reinterpret_cast<uintptr_t>(__builtin_frame_address(0)); }

// What the kernel and glibc say about the calling thread's stack.
void RealBounds(uintptr_t* low, uintptr_t* high) {
  pthread_attr_t attributes;
  void* base;
  size_t size;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &base, &size);
  pthread_attr_destroy(&attributes);
  *low = reinterpret_cast<uintptr_t>(base);
  *high = *low + size;
}

void ExpectWholeStackAllowed() {
  StackBounds bounds;
  bounds.Enter(Here());
  uintptr_t low, high;
  RealBounds(&low, &high);
  const uintptr_t top = high < Here() + (64 << 10) ? high : Here() + (64 << 10);
  for (uintptr_t address = Here() & ~uintptr_t{7}; address + 8 < top - 4096; address += 8) {
    ASSERT_TRUE(bounds.Allows(address)) << std::hex << address;
  }
}

TEST(StackBounds, FirstThreadsStackIsAllowed) { ExpectWholeStackAllowed(); }

TEST(StackBounds, OtherThreadsStacksAreAllowed) { std::thread(ExpectWholeStackAllowed).join(); }

TEST(StackBounds, UnmappedAndProtectedMemoryIsRefused) {
  char* pages = static_cast<char*>(
      mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(mprotect(pages + 4096, 4096, PROT_NONE), 0);
  ASSERT_EQ(munmap(pages + 2 * 4096, 4096), 0);
  const auto first = reinterpret_cast<uintptr_t>(pages);
  StackBounds bounds;
  bounds.Enter(Here());
  EXPECT_TRUE(bounds.Allows(first));
  EXPECT_FALSE(bounds.Allows(first + 4096));
  EXPECT_FALSE(bounds.Allows(first + 2 * 4096));
  EXPECT_FALSE(bounds.Allows(0));
  EXPECT_FALSE(bounds.Allows(~uintptr_t{7}));
  munmap(pages, 2 * 4096);
}

TEST(StackBounds, ProofOfOtherMemoryLastsOneWalkOnly) {
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto address = reinterpret_cast<uintptr_t>(page);
  StackBounds bounds;
  bounds.Enter(Here());
  EXPECT_TRUE(bounds.Allows(address));
  munmap(page, 4096);
  bounds.Enter(Here());
  EXPECT_FALSE(bounds.Allows(address));
}

TEST(StackBounds, GuardPageBetweenTwoStacksEndsTheProvenPart) {
  // A signal stack right below the guard page of a thread's stack: upward from it, the guard must not be read.
  StackBounds bounds;
  bounds.Enter(Here());
  uintptr_t low, high;
  std::thread([&] {
    RealBounds(&low, &high);
    StackBounds own;
    own.Enter(low - 4096 - 64);  // as if running below this thread's guard page
    EXPECT_FALSE(own.Allows(low - 4096));
  }).join();
}

}  // namespace
}  // namespace perfagent
