// walk_check.h: what the checked agent finds out about the agent's walks (walk_check.cc), for tests to read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfagent::test {

// The file that PERFAGENT_CHECK_OUTPUT names begins with this, in a page of its own, counted by all processes together
// until their last instruction. Behind it stand, as text, the first stacks that differed.
struct WalkCounts {
  std::atomic<uint64_t> taken;
  std::atomic<uint64_t> compared;
  std::atomic<uint64_t> different;
  std::atomic<uint64_t> frames;  // of those compared
  std::atomic<uint64_t> deep;    // of those compared, cut at DEPTH: equal as far as they go
  std::atomic<uint64_t> broken;  // of those compared, given up before DEPTH: equal as far as they go
};
constexpr size_t kWalkCountsBytes = 4096;
static_assert(sizeof(WalkCounts) <= kWalkCountsBytes);

}  // namespace perfagent::test
