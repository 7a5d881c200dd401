// words.h: words of the guest's stack against what they were when a walk read them.
//
// Words of functions that have returned are read, too: to the address sanitizer that is an error.
//
// Threads, signals: safe, where the words can be read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent {

#define PERFAGENT_READS_OLD_FRAMES __attribute__((no_sanitize("address")))

PERFAGENT_READS_OLD_FRAMES inline uint64_t Word(uint64_t address) {
  return *reinterpret_cast<const uint64_t*>(address);
}

// Of the words at `addresses` + kOffset from `values`: 0 where there is none. Most of what a walk costs, hence without
// branches (the loads do not depend on each other) and two words at a time. REQUIRES: `values` is aligned for that.
template <int64_t kOffset>
PERFAGENT_READS_OLD_FRAMES inline uint64_t Difference(const uint64_t* addresses,
                                                      const uint64_t* values, size_t count) {
  using TwoWords __attribute__((vector_size(16))) = uint64_t;
  TwoWords first = {}, second = {};
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const auto at = [&](size_t j) { return Word(addresses[i + j] + kOffset); };
    const auto* was = reinterpret_cast<const TwoWords*>(values + i);
    first |= TwoWords{at(0), at(1)} ^ was[0];
    second |= TwoWords{at(2), at(3)} ^ was[1];
  }
  first |= second;
  uint64_t difference = first[0] | first[1];
  for (; i < count; ++i) difference |= Word(addresses[i] + kOffset) ^ values[i];
  return difference;
}

}  // namespace perfagent
