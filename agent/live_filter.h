// live_filter.h: "may this block be tracked?", asked by every free.
//
// One byte per KiB of address space, folded to 2^24 granules: how many tracked blocks begin in it. A hot heap of 64 MiB
// touches 64 KiB of it. Zero: not tracked, certainly. Nonzero: live_set has the exact answer. A granule holds at most 128
// blocks of 8 bytes, so counts stay exact and blocks that are dropped leave nothing behind: there is nothing to rebuild.
// Small, because of the frees of a full heap a share of granule / interval meets a tracked neighbour.
// While every free is wanted (full mode), hooks see the table through a mask of 0: its first counter, which is then nonzero
// for good. Before start-up and with the heap off they see a zero byte. So there is one code path and no test for the mode,
// and what is wanted changes with one store, whatever other threads do at that instant.
//
// Threads: counters are atomic; a counter that reaches 255 (heaps 16 GiB apart fold onto each other) stays there.
// Signals: safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfagent::live_filter {

inline constexpr unsigned kGranuleShift = 10;
inline constexpr size_t kGranules = size_t{1} << 24;
inline constexpr uint8_t kStuck = 255;

using Counter = std::atomic<uint8_t>;

struct Table {
  Counter* counters;
  uintptr_t mask;           // what hooks see
  uintptr_t granules_mask;  // what there is
};
extern __attribute__((visibility("hidden"))) Table table;

inline Counter& CounterOf(uintptr_t block) {
  return table.counters[(block >> kGranuleShift) & table.granules_mask];
}

// Asked by the hooks: is this block's free wanted? A plain load of the mask: an atomic one costs them an instruction.
__attribute__((no_sanitize("thread"))) inline bool MayHold(const void* block) {
  const uintptr_t granule = reinterpret_cast<uintptr_t>(block) >> kGranuleShift;
  return table.counters[granule & table.mask].load(std::memory_order_relaxed) != 0;
}
// Is a tracked block near it?
inline bool IsNearTracked(uintptr_t block) {
  return CounterOf(block).load(std::memory_order_relaxed) != 0;
}

inline void Add(uintptr_t block) {
  Counter& counter = CounterOf(block);
  uint8_t now = counter.load(std::memory_order_relaxed);
  while (now != kStuck && !counter.compare_exchange_weak(now, static_cast<uint8_t>(now + 1))) {
  }
}

inline void Remove(uintptr_t block) {
  Counter& counter = CounterOf(block);
  uint8_t now = counter.load(std::memory_order_relaxed);
  while (now != kStuck && now != 0 &&
         !counter.compare_exchange_weak(now, static_cast<uint8_t>(now - 1))) {
  }
}

// Maps the counters (wiped in a forked child). False when there is no memory.
bool MapGranules();
// From now on hooks let pass what is certainly not tracked.
void WantTracked();
// From now on they want every free; anew in a forked child.
void WantEvery();
inline bool WantsEvery() { return table.mask == 0; }

}  // namespace perfagent::live_filter
