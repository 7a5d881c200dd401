// wait_history.h: how long was waited in each slot of the recording (heap_evidence.h).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "analyzer/model/heap_evidence.h"

namespace perfagent {

// As wide as the ticks of the heap's events, put together.
constexpr uint64_t SlotWidthNs(uint64_t duration_ns) {
  return (duration_ns / kTicks + 1) * kTicksPerSlot;
}

struct WaitHistory {
  std::array<double, kSlots> wait_ns = {};

  // A wait that counts `factor` times: each slot has its part of it, and what is later than all of them the last one.
  void Add(uint64_t begin_ns, uint64_t wait_ns_of_it, double factor, uint64_t slot_width_ns) {
    uint64_t slot = std::min<uint64_t>(begin_ns / slot_width_ns, kSlots - 1);
    uint64_t left_of_slot = slot_width_ns - begin_ns % slot_width_ns;
    while (wait_ns_of_it > 0) {
      const bool is_last = slot == kSlots - 1;
      const uint64_t part = is_last ? wait_ns_of_it : std::min(wait_ns_of_it, left_of_slot);
      wait_ns[slot] += static_cast<double>(part) * factor;
      wait_ns_of_it -= part;
      left_of_slot = slot_width_ns;
      ++slot;
    }
  }

  void Merge(const WaitHistory& other) {
    for (size_t i = 0; i < kSlots; ++i) wait_ns[i] += other.wait_ns[i];
  }
};

}  // namespace perfagent
