#include "agent/live_set.h"

#include <atomic>
#include <utility>

#include "agent/live_filter.h"
#include "agent/sampler.h"
#include "agent/sys.h"
#include "perfagent/sampling.h"

namespace perfagent::live_set {

namespace {

struct alignas(64) Bucket {
  std::atomic<uint64_t> slots[kSlotsPerBucket];
};
static_assert(sizeof(Bucket) == 64);

Bucket* buckets;

// An address fits: 57 bits, of which malloc leaves the last three 0.
constexpr unsigned kAlignShift = 3;
constexpr uint64_t kLimitMask = (uint64_t{1} << sampling::kLimitBits) - 1;
uint64_t KeyOf(uintptr_t block) { return block >> kAlignShift << sampling::kLimitBits; }
uintptr_t BlockIn(uint64_t slot) { return slot >> sampling::kLimitBits << kAlignShift; }
uint32_t LimitIn(uint64_t slot) { return static_cast<uint32_t>(slot & kLimitMask); }
bool Holds(uint64_t slot, uint64_t key) { return slot != 0 && (slot & ~kLimitMask) == key; }

struct Choice {
  Bucket* first;
  Bucket* second;
};

Choice BucketsOf(uintptr_t block) {
  const uint64_t hash = sampler::Scramble(block >> kAlignShift);
  return {&buckets[hash % kBuckets], &buckets[(hash >> 32) % kBuckets]};
}

size_t Used(const Bucket& bucket) {
  size_t used = 0;
  for (const std::atomic<uint64_t>& slot : bucket.slots)
    used += slot.load(std::memory_order_relaxed) != 0;
  return used;
}

bool Place(Bucket* bucket, uint64_t value) {
  for (std::atomic<uint64_t>& slot : bucket->slots) {
    uint64_t expected = 0;
    if (slot.load(std::memory_order_relaxed) == 0 && slot.compare_exchange_strong(expected, value))
      return true;
  }
  return false;
}

// The slot's value when the block was in the bucket; 0 when not.
uint64_t Take(Bucket* bucket, uint64_t key) {
  for (std::atomic<uint64_t>& slot : bucket->slots) {
    uint64_t value = slot.load(std::memory_order_relaxed);
    if (Holds(value, key) && slot.compare_exchange_strong(value, 0)) return value;
  }
  return 0;
}

bool IsIn(const Bucket& bucket, uint64_t key) {
  for (const std::atomic<uint64_t>& slot : bucket.slots)
    if (Holds(slot.load(std::memory_order_relaxed), key)) return true;
  return false;
}

}  // namespace

bool Start() {
  constexpr size_t kBytes = kBuckets * sizeof(Bucket);
  buckets = static_cast<Bucket*>(sys::Reserve(kBytes));
  if (buckets == nullptr) return false;
  sys::Advise(buckets, kBytes, MADV_WIPEONFORK);
  return true;
}

Room Insert(uintptr_t block, uint32_t limit) {
  // The filter first: a block that is in the set and not in the filter would be freed unseen.
  live_filter::Add(block);
  const uint64_t value = KeyOf(block) | limit;
  Choice choice = BucketsOf(block);
  size_t used = Used(*choice.first);
  // Into the emptier one (Azar et al. 1994): buckets then overflow only when the table is nearly full.
  if (const size_t other = Used(*choice.second); other < used) {
    std::swap(choice.first, choice.second);
    used = other;
  }
  constexpr size_t kCrowd = kSlotsPerBucket - 2;
  if (Place(choice.first, value) || Place(choice.second, value))
    return used < kCrowd ? Room::kEnough : Room::kCrowded;
  live_filter::Remove(block);
  return Room::kFull;
}

bool Contains(uintptr_t block) {
  const Choice choice = BucketsOf(block);
  return IsIn(*choice.first, KeyOf(block)) || IsIn(*choice.second, KeyOf(block));
}

Removed Remove(uintptr_t block) {
  constexpr Removed kNotThere = {false, sampling::kNoLimit};
  if (!live_filter::IsNearTracked(block)) return kNotThere;
  const Choice choice = BucketsOf(block);
  uint64_t value = Take(choice.first, KeyOf(block));
  if (value == 0) value = Take(choice.second, KeyOf(block));
  if (value == 0) return kNotThere;
  live_filter::Remove(block);
  return {true, LimitIn(value)};
}

void Thin(uint64_t interval_bytes) {
  for (size_t i = 0; i < kBuckets; ++i) {
    for (std::atomic<uint64_t>& slot : buckets[i].slots) {
      uint64_t value = slot.load(std::memory_order_relaxed);
      if (value == 0 || sampling::StaysTracked(LimitIn(value), interval_bytes)) continue;
      if (slot.compare_exchange_strong(value, 0)) live_filter::Remove(BlockIn(value));
    }
  }
}

size_t CountTrackedAt(uint64_t interval_bytes) {
  size_t count = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    for (const std::atomic<uint64_t>& slot : buckets[i].slots) {
      const uint64_t value = slot.load(std::memory_order_relaxed);
      count += value != 0 && sampling::StaysTracked(LimitIn(value), interval_bytes);
    }
  }
  return count;
}

}  // namespace perfagent::live_set
