// walk_check.h: what the checked agent finds out about the agent's walks (walk_check.cc), for tests to read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfagent::test {

// The file that PERFAGENT_CHECK_OUTPUT names begins with this, in a page of its own, counted by all processes together
// until their last instruction. Behind it stand, as text, the first stacks that differed and that were given up.
struct WalkCounts {
  std::atomic<uint64_t> taken;
  std::atomic<uint64_t>
      recognized;  // of these: without a walk; each is walked to see whether it is the same
  std::atomic<uint64_t> compared;
  std::atomic<uint64_t> different;
  std::atomic<uint64_t> frames;  // in common, of all that were compared
  // Truncated ones, which are the same as far as they go: at DEPTH; where libunwind could go on; where neither knows how
  // (a fiber's start).
  std::atomic<uint64_t> cut;
  std::atomic<uint64_t> given_up;
  std::atomic<uint64_t> rootless;
};
constexpr size_t kWalkCountsBytes = 4096;
static_assert(sizeof(WalkCounts) <= kWalkCountsBytes);

}  // namespace perfagent::test
