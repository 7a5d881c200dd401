// live_filter.h: "may this block be tracked?", asked by every free.
//
// One byte per KiB of address space, folded to 2^24 granules: how many tracked blocks begin in it. A hot heap of 64 MiB
// touches 64 KiB of it. Zero: not tracked, certainly. Nonzero: live_set has the exact answer. A granule holds at most 128
// blocks of 8 bytes, so counts stay exact and blocks that are dropped leave nothing behind: there is nothing to rebuild.
// Small, because of the frees of a full heap a share of granule / interval meets a tracked neighbour.
// Full mode points the filter at a single nonzero byte with a mask of 0; before start-up and with the heap off, at a zero
// byte. So there is one code path and no test for the mode.
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
  uintptr_t mask;
};
extern __attribute__((visibility("hidden"))) Table table;

inline Counter& CounterOf(uintptr_t block) {
  return table.counters[(block >> kGranuleShift) & table.mask];
}

inline bool MayHold(const void* block) {
  return CounterOf(reinterpret_cast<uintptr_t>(block)).load(std::memory_order_relaxed) != 0;
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
bool UseGranules();
// Every block is tracked.
void UseAlways();

}  // namespace perfagent::live_filter
