// site_sums.h: what the changes of blocks add up to, site by site.
//
// What was recorded with certainty is summed in integers: their sum is the same however blocks are split over shards.
// Sampled blocks are summed as estimates, whose rounding depends on the order: a sampled dump has one shard.
//
// The peak needs one pass and no copy of all sites at each new peak. `peaks_` numbers the peaks. Before
// what is live of a site changes, Settle makes up for the peaks since its last change:
//
//   Invariant: what was live of a site at peak `peaks_` is `peak` when settled == peaks_,
//              `live` when settled < peaks_.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "analyzer/model/heap_profile.h"
#include "analyzer/model/ids.h"
#include "analyzer/replay/block_replay.h"
#include "analyzer/replay/chunks.h"

namespace perfagent {

class SiteSums {
 public:
  void Apply(std::span<const Change> changes);
  // The heap is now as large as never before.
  void AtPeak() { ++peaks_; }

  // After all changes: a block that is live at the end.
  void AddLeft(const Block& block);
  // Instead, of one that is live and does not count as such.
  void DropLeft(const Block& block);
  // Adds a site's sums to what other shards have of it. REQUIRES: AddLeft was called for all of them.
  void AddTo(SiteId site, HeapMetrics* metrics, Lifetimes* lifetimes);

 private:
  struct Amount {
    ByteSum bytes = 0;
    uint64_t blocks = 0;
    void AddTo(Tally* tally) const { tally->AddCertain(static_cast<double>(bytes)); }
  };
  struct Exact {
    uint32_t settled = 0;
    Amount live;
    Amount begun;
    Amount peak;
    uint64_t frees = 0;
    uint64_t temporary = 0;
    uint64_t cross_thread = 0;
    uint64_t reallocations = 0;
  };
  // Of sampled blocks.
  struct Estimated {
    HeapMetrics metrics;
    Lifetimes lifetimes;
    Tally live_bytes;
  };

  void ApplyExact(const Change& change, Exact* site);
  static void ApplyEstimated(const Change& change, Estimated* site);
  void Prefetch(SiteId site) const;
  void Settle(SiteId id, Exact* site);
  Estimated& EstimatedOf(SiteId site);

  // By SiteId.
  Chunks<Exact> exact_;
  Chunks<ExactLifetimes> lifetimes_;
  Chunks<std::unique_ptr<Estimated>> estimated_;  // null where nothing was sampled
  uint32_t peaks_ = 0;
};

}  // namespace perfagent
