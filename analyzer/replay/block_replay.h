// block_replay.h: which block does an event concern? Events of some addresses in time order become changes of sites.
//
// Time inversions. An end is recorded before the real call and a beginning after it, so at each
// address they alternate, unless two threads' clocks disagree: then a block begins where the older
// one is still live, and the older one's end arrives a moment later from another thread. Such an end
// (within kClockSkewNs of the beginning) goes to the older block, which `displaced_` keeps. An end by
// the thread that made the new block is the new block's, since a thread's own order is true.
//
// Thinning. When the agent samples less densely than before, it drops blocks that it would not have
// sampled so (kThin). What is kept counts from then on with the greater weight; what is dropped is no
// longer live, but stays in `live_`, because its end may have been recorded a moment later. So it is, too,
// where full mode goes on as sampling (FullEnd), but that no record says it: all that is no sample is dropped.
//
// Threads: one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/heap_profile.h"
#include "analyzer/model/process.h"
#include "analyzer/replay/batch.h"
#include "analyzer/replay/handovers.h"
#include "analyzer/replay/heap_events.h"
#include "analyzer/replay/live_blocks.h"
#include "analyzer/replay/lock_places.h"

namespace perfagent {

// The clock is one counter, but CPUs read it apart: by tens of ns on sound hardware, by some us
// where a hypervisor moves virtual CPUs between unsynchronized ones. Ten times that, and still far
// less than an address takes to come back when the free between was lost.
inline constexpr uint64_t kClockSkewNs = 100'000;

// What an event does to the sums of a block's site.
struct Change {
  enum Kind : uint8_t {
    kBegin,
    kEnter,  // is live from now on, and does not count as allocated (event_view.h)
    kFree,
    kRealloc,  // ends it, and does not count as freed
    kLeave,    // is no longer live: another block began there, or a thinning gave it another weight
    kThinned,  // counts with this weight from now on
  };

  uint64_t size;
  uint64_t lifetime_ns;     // of ends
  uint64_t interval_bytes;  // says the block's weight; 0: 1
  SiteId site;
  uint32_t order;  // HeapEvent::order
  Kind kind;
  bool grows;    // it is among what is live from now on
  bool shrinks;  // it was until now
  bool temporary;
  bool cross_thread;
  bool copied;  // to a larger block, by realloc
  bool grown;   // its content went on to a larger block of the same caller

  Weight WeightNow() const {
    return interval_bytes == 0 ? Weight() : Weight::OfBlock(size, interval_bytes);
  }
  // How much more is live afterwards.
  double Growth() const {
    const double bytes = static_cast<double>(size) * WeightNow().factor;
    return grows ? bytes : shrinks ? -bytes : 0;
  }
};
static_assert(sizeof(Change) == 40);

// How much more is live than at the beginning of a window: now, and at most so far.
struct Growth {
  double now = 0;
  double most = 0;
  Tally sampled = {};  // of it, what is estimated

  void Add(const Change& change) {
    now += change.Growth();
    most = std::max(most, now);
    if (change.interval_bytes != 0) [[unlikely]]
      AddSampled(change);
  }

 private:
  void AddSampled(const Change& change) {
    const double bytes = static_cast<double>(change.size);
    if (change.grows) sampled.Add(bytes, change.WeightNow());
    if (change.shrinks) sampled.Remove(bytes, change.WeightNow());
  }
};

class BlockReplay {
 public:
  // All must outlive this.
  BlockReplay(const Process& process, const EventView& view, const LockAddresses& locks,
              Handovers* handovers);

  // A window begins. What comes of it is appended to `changes`, which stay there until it ends: a power of two, of which
  // a site's go to the one with the number that its lowest bits are.
  void Begin(std::span<Batch<Change>> changes);
  // Its next events.
  void Replay(std::span<const HeapEvent> events);

  // After the last event, in a window of its own.
  void Finish();

  // In the last window.
  const Growth& growth() const { return growth_; }
  // Of the blocks that hold locks, in the last window.
  std::span<const LockBlockChange> lock_changes() const { return lock_changes_; }

  // Does its beginning count, and, if it does not, that it is live?
  bool CountsBegin(const Block& block) const {
    return block.time_ns >= since_ns_ && !block.owner.is_left_out;
  }
  static bool CountsLive(const Block& block) { return !block.owner.is_left_out; }

  LiveBlocks& live() { return live_; }
  const LiveBlocks& live() const { return live_; }

  struct Counts {
    uint64_t unpaired_frees = 0;
    uint64_t unpaired_reallocs = 0;
    uint64_t overlaps = 0;
    uint64_t repaired_inversions = 0;
  };
  const Counts& counts() const { return counts_; }
  // What is live at the end of each part of the time that the view is of, after Finish.
  std::span<const LiveSlot> timeline() const { return timeline_; }
  // Of a view: what was allocated in all.
  const HeapMetrics& whole() const { return whole_; }

 private:
  void Begin(const HeapEvent& event);
  void Free(const HeapEvent& event);
  void Realloc(const HeapEvent& event);
  bool IsInView(const HeapEvent& event) const {
    return event.time_ns >= since_ns_ && !event.owner.is_left_out;
  }
  void AddToWhole(const HeapEvent& event);
  // Full mode's end has passed, or the view's, or that of a part of the time. False: the event is not replayed.
  bool PassEnds(const HeapEvent& event);
  void FindNextEnd();
  // All that end by then.
  void EndSlots(uint64_t time_ns);
  Tally LiveSampled() const;
  // Time has come to event `order`.
  void EndFullMode(uint32_t order);
  void ThinAll(uint64_t time_ns, uint64_t interval_bytes, uint32_t order);
  void Thin(Block* block, uint32_t order);
  // The block that the event ends; nullptr when none is known there.
  const Block* End(const HeapEvent& event);
  // The older block, if the event is the late end of it.
  const Block* TakeDisplaced(Block* block, const HeapEvent& event);
  bool IsTemporary(const Block& block, const HeapEvent& free) const;
  bool IsGrown(const Block& block, const HeapEvent& event) const;
  Change& Add(Change::Kind kind, const Block& block, uint32_t order);
  void AddGrowing(Change::Kind kind, const Block& block, uint32_t order);
  void AddLeaving(const Block& block, uint32_t order);
  void AddEnd(Change::Kind kind, const Block& block, const HeapEvent& event);
  void AddLockChange(LockBlockChange::Kind kind, const Block& block, uint32_t order);

  const bool says_temporary_;  // of a free, the recording
  const FullEnd full_end_;     // where there is none, it never comes
  bool is_full_ended_ = false;
  const uint64_t since_ns_;
  const uint64_t until_ns_;
  const bool is_view_;
  // Events up to here are before all ends: one question for each event, not three.
  uint64_t before_ends_ns_ = 0;
  const LockAddresses& locks_;
  Handovers* const handovers_;
  LiveBlocks live_;
  // Blocks that ended because another one began at their address, the last one of each.
  absl::flat_hash_map<uint64_t, Block> displaced_;
  Block late_ = {};  // the displaced block that ended last
  Counts counts_;
  HeapMetrics whole_;
  std::vector<LiveSlot> timeline_;
  size_t slot_ = 0;        // that time has come to
  double live_bytes_ = 0;  // before the current call of Replay
  Tally live_sampled_;
  uint64_t thinning_time_ns_ = 0;  // of the last one
  uint64_t thinned_to_bytes_ = 0;
  // No live block has a lesser one: most thinnings of a damaged file need not look at all of them.
  uint64_t least_live_interval_ = std::numeric_limits<uint64_t>::max();
  // Of the current window.
  std::span<Batch<Change>> changes_;
  Growth growth_;
  std::vector<LockBlockChange> lock_changes_;
};

}  // namespace perfagent
