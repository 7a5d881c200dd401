// wait_history.h: how long was waited in each slot of the recording (heap_evidence.h).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "analyzer/model/site_history.h"

namespace perfagent {

// Only of slots with a wait: hostile dumps have hundreds of thousands of locks with one each.
class WaitHistory {
 public:
  // A wait that counts `factor` times: each slot has its part of it, and what is later than all of them the last one.
  void Add(uint64_t begin_ns, uint64_t wait_ns, double factor, uint64_t slot_width_ns) {
    uint64_t slot = std::min<uint64_t>(begin_ns / slot_width_ns, kSlots - 1);
    uint64_t left_of_slot = slot_width_ns - begin_ns % slot_width_ns;
    while (wait_ns > 0) {
      const uint64_t part = slot == kSlots - 1 ? wait_ns : std::min(wait_ns, left_of_slot);
      AddTo(slot, static_cast<double>(part) * factor);
      wait_ns -= part;
      left_of_slot = slot_width_ns;
      ++slot;
    }
  }
  void Merge(const WaitHistory& other) {
    for (const Part& part : other.parts_) AddTo(part.slot, part.ns);
  }

  std::array<double, kSlots> wait_ns() const {
    std::array<double, kSlots> slots = {};
    for (const Part& part : parts_) slots[part.slot] = part.ns;
    return slots;
  }

 private:
  struct Part {
    uint64_t slot;
    double ns;
  };

  void AddTo(uint64_t slot, double ns) {
    const auto has_slot = [slot](const Part& part) { return part.slot == slot; };
    const auto found = std::find_if(parts_.rbegin(), parts_.rend(), has_slot);
    if (found == parts_.rend()) {
      parts_.push_back({slot, ns});
    } else {
      found->ns += ns;
    }
  }

  std::vector<Part> parts_;  // mostly in time
};

}  // namespace perfagent
