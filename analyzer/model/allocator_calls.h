// allocator_calls.h: how long the allocator takes, from the calls that were timed.
//
// What a block is asked for decides about its way through the allocator, so durations are kept by size. A free does not
// say one; where the allocator says what the block has, that is taken, else 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "analyzer/model/estimate.h"
#include "analyzer/model/size_buckets.h"
#include "analyzer/model/weighted_quantiles.h"
#include "perfagent/records.h"

namespace perfagent {

enum class AllocatorCall { kAllocate, kReallocate, kFree };
inline constexpr size_t kAllocatorCalls = 3;

// A call that only takes a block from a list, or puts it back, takes tens of nanoseconds; one that asks the kernel, or waits
// for another thread in the allocator, takes longer than this.
inline constexpr uint64_t kSlowCallNs = 20'000;

struct CallDurations {
  Tally calls = {};
  Tally ns = {};
  uint64_t slow = 0;  // timed ones of at least kSlowCallNs
  WeightedQuantiles distribution = {};

  void Add(uint64_t duration_ns, Weight weight);
  void Merge(const CallDurations& other);
};

class AllocatorCalls {
 public:
  void Add(const AllocatorCallRecord& record);
  // A realloc that took so long, of a block that stands for so many.
  void AddRealloc(uint64_t size, uint64_t duration_ns, Weight weight);
  void Merge(const AllocatorCalls& other);

  bool IsEmpty() const;
  const CallDurations& Of(AllocatorCall call, size_t size_bucket) const {
    return durations_[static_cast<size_t>(call)][size_bucket];
  }
  CallDurations Of(AllocatorCall call) const;
  // Of the timed allocations of which the allocator said what they got: bytes asked for, and bytes got.
  const Tally& asked() const { return asked_; }
  const Tally& usable() const { return usable_; }

 private:
  std::array<std::array<CallDurations, kSizeBuckets>, kAllocatorCalls> durations_;
  Tally asked_;
  Tally usable_;
};

const char* Name(AllocatorCall call);

}  // namespace perfagent
