#include "agent/wait_table.h"

#include "agent/sampler.h"
#include "agent/sys.h"

namespace perfagent::wait_table {

constinit Table table = {};

namespace {

// A word of `waited`: bits 3 to 47 of the address, and how many wait. 0: free. One word, so that a lock and its count
// change together: a bucket never has a count without its lock.
constexpr unsigned kCountBits = 19;
constexpr uint64_t kMostWaiting = (uint64_t{1} << kCountBits) - 1;

uint64_t KeyOf(const void* lock) { return reinterpret_cast<uintptr_t>(lock) >> 3 << kCountBits; }
bool IsOf(uint64_t word, uint64_t key) { return (word & ~kMostWaiting) == key && word != 0; }

// Scrambled: locks at equal distances (one per page, one per object of a pool) would meet in few buckets.
std::atomic<uint64_t>* BucketOf(const void* lock) {
  return table.waited[sampler::Scramble(KeyOf(lock)) % kBuckets];
}

// Counts one more waiter where the lock is known or, if `anew`, in a free word. False: there is none.
bool Count(std::atomic<uint64_t>* bucket, uint64_t key, bool anew) {
  for (size_t i = 0; i < kLocksPerBucket; ++i) {
    uint64_t word = bucket[i].load(std::memory_order_relaxed);
    while (anew ? word == 0 : IsOf(word, key) && (word & kMostWaiting) != kMostWaiting) {
      if (bucket[i].compare_exchange_weak(word, anew ? key | 1 : word + 1)) return true;
    }
  }
  return false;
}

}  // namespace

bool IsWaitedFor(const void* lock) {
  const std::atomic<uint64_t>* bucket = BucketOf(lock);
  for (size_t i = 0; i < kLocksPerBucket; ++i) {
    if (IsOf(bucket[i].load(std::memory_order_acquire), KeyOf(lock))) return true;
  }
  return false;
}

void Publish(const void* lock) {
  // Two threads may give one lock two words; each of them says that it is waited for.
  std::atomic<uint64_t>* bucket = BucketOf(lock);
  if (!Count(bucket, KeyOf(lock), false)) Count(bucket, KeyOf(lock), true);
  // Last: who sees the count finds the lock.
  table.hints[HintOf(lock)].fetch_add(1);
}

void Clear(const void* lock) {
  // Never below zero: a child forked in a handler during a wait finds the table wiped.
  std::atomic<uint32_t>& hint = table.hints[HintOf(lock)];
  uint32_t waiting = hint.load(std::memory_order_relaxed);
  while (waiting != 0 && !hint.compare_exchange_weak(waiting, waiting - 1)) {
  }
  std::atomic<uint64_t>* bucket = BucketOf(lock);
  const uint64_t key = KeyOf(lock);
  for (size_t i = 0; i < kLocksPerBucket; ++i) {
    uint64_t word = bucket[i].load(std::memory_order_relaxed);
    while (IsOf(word, key)) {
      const uint64_t left = (word & kMostWaiting) == 1 ? 0 : word - 1;
      if (bucket[i].compare_exchange_weak(word, left)) return;
    }
  }
}

bool Start() { return sys::Advise(&table, sizeof table, MADV_WIPEONFORK) == 0; }

}  // namespace perfagent::wait_table
