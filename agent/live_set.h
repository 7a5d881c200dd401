// live_set.h: the sampled blocks that are still live, each with the limit up to which it is tracked (sampling.h).
//
// Buckets of one cache line, eight slots each; a block may stand in either of two buckets.
//
//   hash(block) ─► bucket a │ b0 │ 0 │ b1 │ 0 │ ... │      slot: 54 bits of address (in units of 8 bytes, enough for 57-bit
//              └─► bucket b │ 0 │ ...                            address spaces), 10 bits of limit; 0 = free
//
// Threads:    any thread inserts and removes; slots are claimed and cleared by compare-and-swap, never moved. No locks.
// Invariant:  live_filter counts, per granule, at least the blocks that are here (or is stuck at 255).
// When full:  Insert returns kFull; the caller drops the sample and counts it under live_set_full.
// Signals:    safe at every instruction; a block is in the set from its slot's store on.
// Fork:       a forked child starts with an empty set (MADV_WIPEONFORK).
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent::live_set {

// 2^17 slots are 1 MiB: at a mean of 512 KiB between samples, those of 64 GiB of live heap.
inline constexpr size_t kBuckets = size_t{1} << 14;
inline constexpr size_t kSlotsPerBucket = 8;

// False when there is no memory for the table.
bool Start();

// kCrowded: it is in, and there will soon be no room.
enum class Room { kFull, kCrowded, kEnough };
Room Insert(uintptr_t block, uint32_t limit);

bool Contains(uintptr_t block);

struct Removed {
  bool was_there;
  uint32_t limit;  // kNoLimit when it was not
};
// Afterwards it is not.
Removed Remove(uintptr_t block);

// Drops the blocks that do not stay tracked at `interval_bytes`. What others insert meanwhile may be missed.
void Thin(uint64_t interval_bytes);

// How many blocks would stay, if it were thinned.
size_t CountTrackedAt(uint64_t interval_bytes);

}  // namespace perfagent::live_set
