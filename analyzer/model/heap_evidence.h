// heap_evidence.h: what rules about the heap need to know of a site beyond its sums.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/model/estimate.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/on_demand.h"
#include "analyzer/model/site_history.h"

namespace perfagent {

inline constexpr uint64_t kCacheLine = 64;

// Blocks by how long they lived, in the powers of two of Lifetimes.
inline constexpr size_t kAgeBuckets = 40;
struct BlockAges {
  std::array<double, kAgeBuckets> counts = {};

  void Merge(const BlockAges& other) {
    for (size_t i = 0; i < kAgeBuckets; ++i) counts[i] += other.counts[i];
  }
};

// Blocks of the site that gave way to larger ones. What was in them was copied.
struct Copies {
  // By the same caller, to one a quarter to four times as large again: the steps of a growing array.
  Tally grown = {};
  Tally grown_bytes = {};
  // By realloc, of blocks from kLargeCopy on.
  Tally large = {};
  Tally large_bytes = {};

  void Merge(const Copies& other) {
    grown.Merge(other.grown);
    grown_bytes.Merge(other.grown_bytes);
    large.Merge(other.large);
    large_bytes.Merge(other.large_bytes);
  }
};
// More than the second-level cache's share of it is worth: copying goes through memory.
inline constexpr uint64_t kLargeCopy = 256 << 10;

struct SiteEvidence {
  // What the allocator takes for the site's blocks, by its model (size_classes.h).
  Tally taken_bytes = {};
  uint64_t least_size = UINT64_MAX;
  uint64_t greatest_size = 0;
  OnDemand<Copies> copies = {};
  SiteHistory history = {};
  // Where slot kFirstSlotOfEnd begins: blocks that are live then, of those made after the beginning, by age. And blocks
  // that ended later.
  OnDemand<BlockAges> live_then = {};
  OnDemand<BlockAges> ended_later = {};
};

// Who makes blocks or frees them: threads of this name.
struct HandoverEnd {
  std::string thread;
  std::optional<uint32_t> node = {};  // NUMA node that they ran on; none where all were on one

  friend auto operator<=>(const HandoverEnd&, const HandoverEnd&) = default;
};

// Blocks that some threads made and others freed; names of threads may be the same.
struct Handover {
  size_t site;  // HeapProfile::sites
  HandoverEnd maker;
  HandoverEnd freer;
  Tally blocks = {};
};

// Cache lines in which two sites' blocks, of different threads, were live at once: at the moment when most were.
struct LineSharing {
  size_t site;   // HeapProfile::sites
  size_t other;  // may be the same
  uint64_t lines = 0;
};

}  // namespace perfagent
