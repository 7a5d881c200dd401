// slow_calls.h: calls of the allocator that take long, by kind and size, from those that were timed.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analyzer/model/allocator_calls.h"

namespace perfagent {

// Calls of one kind, of blocks of like size, of which one in a hundred is slow.
struct SlowCalls {
  AllocatorCall call;
  size_t size_bucket;  // 0: not known, of frees in full mode
  const CallDurations* durations;
};

std::vector<SlowCalls> FindSlowCalls(const AllocatorCalls& calls);
// "malloc of up to 4.00 KiB: 1,000 calls, half within ..."
std::string Describe(const SlowCalls& slow);

}  // namespace perfagent
