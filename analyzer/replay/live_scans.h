// live_scans.h: what is looked for in all blocks that are live at a moment.
//
// Threads: one.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/heap_evidence.h"
#include "analyzer/replay/chunks.h"
#include "analyzer/replay/live_blocks.h"

namespace perfagent {

// The ages of live blocks, by site.
class LiveAges {
 public:
  void Scan(LiveBlocks* live, uint64_t now_ns, uint64_t first_ns);
  // Null where it had none.
  const BlockAges* Find(SiteId site) const {
    const auto* ages = ages_.Find(site.value());
    return ages == nullptr || !ages->IsMade() ? nullptr : &**ages;
  }

 private:
  Chunks<OnDemand<BlockAges>> ages_;
};

// Cache lines with small blocks of more than one thread.
class SharedLines {
 public:
  static constexpr size_t kScans = 3;
  using Sites = std::pair<SiteId, SiteId>;
  using Lines = absl::flat_hash_map<Sites, uint64_t>;

  void Scan(size_t scan, LiveBlocks* live);
  const std::array<Lines, kScans>& lines() const { return lines_; }

 private:
  std::array<Lines, kScans> lines_;
};

}  // namespace perfagent
