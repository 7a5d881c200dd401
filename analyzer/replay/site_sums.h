// site_sums.h: what the changes of blocks add up to, site by site.
//
// What was recorded with certainty is summed in integers: their sum is the same however blocks are split over shards.
// Sampled blocks are summed as estimates, whose rounding depends on the order: a sampled dump has one shard.
//
// The peak needs one pass and no copy of all sites at each new peak. Before what is live of a site changes, Settle
// makes up for the peaks since its last change:
//
//   Invariant: what was live of a site at the last peak is `peak` when settled >= peak_epoch_,
//              `live` when settled < peak_epoch_.
//
// An epoch ends with each peak and with each tick, so that the same question (is the site settled?) serves the site's
// history, too: what was live of it when ticks ended, and how many calls it made in them.
//
// Threads: one, but for AddTo.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "analyzer/model/heap_profile.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/size_classes.h"
#include "analyzer/replay/block_replay.h"
#include "analyzer/replay/chunks.h"

namespace perfagent {

class SiteSums {
 public:
  // Of those sites whose ids have the same lowest `part_bits`.
  SiteSums(SizeClasses classes, int part_bits) : classes_(classes), part_bits_(part_bits) {}

  void Apply(std::span<const Change> changes);
  // The heap is now as large as never before.
  void AtPeak() { peak_epoch_ = ++epoch_; }
  // What comes now is of this tick of the recording.
  void BeginTick(uint32_t tick) {
    ++epoch_;
    tick_ = tick;
  }

  // After all changes: a block that is live at the end, and was made in this slot.
  void AddLeft(const Block& block, size_t slot);
  // Instead, of one that is live and does not count as such.
  void DropLeft(const Block& block);
  // After that: there are so many. REQUIRES: BeginTick(kTicks).
  void Finish(size_t sites);
  // Adds a site's sums to what it is made up of; once. Of several sites at a time. REQUIRES: Finish().
  void AddTo(SiteId id, HeapSite* site);
  // Calls in each tick. REQUIRES: Finish().
  const std::array<double, kTicks>& calls() const { return calls_; }

 private:
  struct Amount {
    ByteSum bytes = 0;
    uint64_t blocks = 0;
    void AddTo(Tally* tally) const { tally->AddCertain(static_cast<double>(bytes)); }
  };
  struct Exact {
    uint32_t settled = 0;  // in this epoch
    uint32_t tick = 0;     // which was of this tick
    double settled_calls = 0;
    double settled_temporary = 0;
    double settled_bytes = 0;
    Amount live;
    Amount begun;
    Amount peak;
    ByteSum taken_bytes = 0;
    uint64_t frees = 0;
    uint64_t temporary = 0;
    uint64_t cross_thread = 0;
    uint64_t reallocations = 0;
    uint64_t least_size = UINT64_MAX;
    uint64_t greatest_size = 0;
  };
  struct ExactCopies {
    Amount grown;
    Amount large;
  };
  // Of sampled blocks.
  struct Estimated {
    HeapMetrics metrics;
    Lifetimes lifetimes;
    Tally live_bytes;
    Tally taken_bytes;
    double settled_variance = 0;  // as Exact's
    Copies copies;
    uint64_t least_size = UINT64_MAX;
    uint64_t greatest_size = 0;
  };

  // Where a site is.
  size_t At(SiteId id) const { return id.value() >> part_bits_; }
  void ApplyCopy(const Change& change);
  void NoteEnd(const Change& change, double blocks);
  void NoteTime(SiteId id, Exact* site);
  double CallsOf(SiteId id, const Exact& site) const;
  double TemporaryOf(SiteId id, const Exact& site) const;
  double BytesOf(SiteId id, const Exact& site) const;
  double TakeVarianceOf(SiteId id);
  double LiveBytesOf(SiteId id, const Exact& site) const;
  const Estimated* FindEstimated(SiteId site) const;
  void AddEvidence(SiteId id, const Exact& site, SiteEvidence* evidence);
  void ApplyExact(const Change& change, Exact* site);
  void ApplyEstimated(const Change& change, Estimated* site);
  void Prefetch(SiteId site) const;
  void Settle(SiteId id, Exact* site);
  Estimated& EstimatedOf(SiteId site);

  // By At().
  Chunks<Exact> exact_;
  Chunks<ExactLifetimes> lifetimes_;
  Chunks<std::unique_ptr<Estimated>> estimated_;  // null where nothing was sampled
  Chunks<OnDemand<ExactCopies>> copies_;
  Chunks<SiteHistory> histories_;
  Chunks<OnDemand<BlockAges>> ended_later_;

  const SizeClasses classes_;
  const int part_bits_;
  uint32_t epoch_ = 1;
  uint32_t peak_epoch_ = 0;
  uint32_t tick_ = 0;
  std::array<double, kTicks> calls_ = {};
};

}  // namespace perfagent
