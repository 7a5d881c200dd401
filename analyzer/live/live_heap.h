// live_heap.h: what is live, and what was allocated since the last look, from events that come in any order.
//
// At each address blocks begin and end in turn. So the latest beginning and the latest end there say whether a block is
// live, whichever of the two is heard of first: it is where the beginning is the later one. An end of which no beginning
// is known yet is kept until that must have come. (Two threads' clocks may differ by some microseconds, and one block in
// many thousand may be taken for freed or live that is not. Reports, which have all events before them, repair that.)
//
// Figures of what was sampled are estimates (estimate.h).
//
// Threads: one.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/estimate.h"
#include "analyzer/replay/stream_steps.h"
#include "perfagent/apis.h"

namespace perfagent {

// Of a site, or of all.
struct HeapActivity {
  Tally calls = {};
  Tally bytes = {};
  Tally temporary = {};
  double growth_bytes = 0;  // of what is live

  void Merge(const HeapActivity& other) {
    calls.Merge(other.calls);
    bytes.Merge(other.bytes);
    temporary.Merge(other.temporary);
    growth_bytes += other.growth_bytes;
  }
};

// A stack, by its number in the dump, and a kind of call.
struct LiveSite {
  uint64_t stack = 0;
  HeapApi api = HeapApi::kMalloc;

  friend bool operator==(const LiveSite&, const LiveSite&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const LiveSite& site) {
    return H::combine(std::move(hash), site.stack, site.api);
  }
};

struct LiveBlock {
  uint64_t address = 0;
  uint64_t size = 0;
  LiveSite site = {};
};

class LiveHeap {
 public:
  struct Beginning {
    LiveBlock block = {};
    uint64_t interval_bytes = 0;  // of the sampling; 0: every block
    uint32_t limit = 0;           // see sampling.h
  };

  void Begin(TimeKey key, const Beginning& beginning);
  void End(TimeKey key, uint64_t address);
  // Before that: the block was temporary. `begun` is the one that the thread began last.
  void CountTemporary(TimeKey key, uint64_t address, const Beginning& begun);
  // Blocks live at `key` of a lesser interval count with this one from then on, or not at all.
  void Thin(TimeKey key, uint64_t interval_bytes);

  // No block that begins before is heard of any more: so ends before need not be kept.
  void ForgetEndsBefore(TimeKey key);
  bool HasManyEnds() const { return table_.size() > 2 * live_count_ + (size_t{1} << 16); }

  const Tally& live_bytes() const { return live_bytes_; }
  const Tally& live_blocks() const { return live_blocks_; }
  // Since ForgetActivity.
  const absl::flat_hash_map<LiveSite, HeapActivity>& activity() const { return activity_; }
  void ForgetActivity() { activity_.clear(); }

  // The live blocks that contain these addresses, by address. Looks at all blocks once.
  absl::flat_hash_map<uint64_t, LiveBlock> BlocksAround(std::vector<uint64_t> addresses) const;

 private:
  struct Entry {
    TimeKey begin = 0;
    TimeKey end = 0;
    uint64_t size = 0;
    uint64_t interval_bytes = 0;
    LiveSite site = {};
    uint16_t limit = 0;
    bool is_live = false;

    Weight WeightNow() const { return Weight::OfBlock(size, interval_bytes); }
  };

  void Enter(Entry* entry);
  void Leave(Entry* entry);
  void ThinOne(Entry* entry);

  absl::flat_hash_map<uint64_t, Entry> table_;  // by address
  absl::flat_hash_map<LiveSite, HeapActivity> activity_;
  size_t live_count_ = 0;
  Tally live_bytes_;
  Tally live_blocks_;
  TimeKey thinned_at_ = 0;
  uint64_t thinned_to_bytes_ = 0;
};

}  // namespace perfagent
