#include "agent/live_set.h"

#include <atomic>
#include <utility>

#include "agent/live_filter.h"
#include "agent/sampler.h"
#include "agent/sys.h"

namespace perfagent::live_set {

namespace {

struct alignas(64) Bucket {
  std::atomic<uintptr_t> slots[kSlotsPerBucket];
};
static_assert(sizeof(Bucket) == 64);

Bucket* buckets;

struct Choice {
  Bucket* first;
  Bucket* second;
};

Choice BucketsOf(uintptr_t block) {
  const uint64_t hash = sampler::Scramble(block);
  return {&buckets[hash % kBuckets], &buckets[(hash >> 32) % kBuckets]};
}

size_t Used(const Bucket& bucket) {
  size_t used = 0;
  for (const std::atomic<uintptr_t>& slot : bucket.slots)
    used += slot.load(std::memory_order_relaxed) != 0;
  return used;
}

// Replaces one slot's value by another. False when no slot has it.
bool Swap(Bucket* bucket, uintptr_t from, uintptr_t to) {
  for (std::atomic<uintptr_t>& slot : bucket->slots) {
    uintptr_t expected = from;
    if (slot.load(std::memory_order_relaxed) == from &&
        slot.compare_exchange_strong(expected, to)) {
      return true;
    }
  }
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

bool Insert(uintptr_t block) {
  // The filter first: a block that is in the set and not in the filter would be freed unseen.
  live_filter::Add(block);
  Choice choice = BucketsOf(block);
  // Into the emptier one (Azar et al. 1994): buckets then overflow only when the table is nearly full.
  if (Used(*choice.second) < Used(*choice.first)) std::swap(choice.first, choice.second);
  if (Swap(choice.first, 0, block) || Swap(choice.second, 0, block)) return true;
  live_filter::Remove(block);
  return false;
}

bool Remove(uintptr_t block) {
  const Choice choice = BucketsOf(block);
  if (!Swap(choice.first, block, 0) && !Swap(choice.second, block, 0)) return false;
  live_filter::Remove(block);
  return true;
}

}  // namespace perfagent::live_set
