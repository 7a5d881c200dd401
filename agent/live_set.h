// live_set.h: the sampled blocks that are still live: addresses, nothing more.
//
// Buckets of one cache line, eight slots each; a block may stand in either of two buckets.
//
//   hash(block) ─► bucket a │ b0 │ 0 │ b1 │ 0 │ ... │      slot: the block's address, 0 = free
//              └─► bucket b │ 0 │ ...
//
// Threads:    any thread inserts and removes; slots are claimed and cleared by compare-and-swap, never moved. No locks.
// Invariant:  live_filter counts, per granule, at least the blocks that are here (or is stuck at 255).
// When full:  Insert returns false; the caller drops the sample and counts it under live_set_full.
// Signals:    safe at every instruction; a block is in the set from its slot's store on.
// Fork:       a forked child starts with an empty set (MADV_WIPEONFORK).
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent::live_set {

// 2^17 slots are 1 MiB: at the default interval, the samples of 64 GiB of live heap.
inline constexpr size_t kBuckets = size_t{1} << 14;
inline constexpr size_t kSlotsPerBucket = 8;

// False when there is no memory for the table.
bool Start();

bool Insert(uintptr_t block);
// Was it there? It is not any more.
bool Remove(uintptr_t block);

}  // namespace perfagent::live_set
