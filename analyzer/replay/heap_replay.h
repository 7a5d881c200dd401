// heap_replay.h: heap events in time order become sites, live blocks and the peak.
//
// The peak needs one pass and no copy of all sites at each new peak. `peak_stamp_` numbers the
// peaks. Before the live bytes of a site change, Settle makes up for the peaks since its last
// change:
//
//   Invariant: a site's live bytes at peak `peak_stamp_` are peak_bytes when stamp == peak_stamp_,
//              live_bytes when stamp < peak_stamp_.
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

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/heap_profile.h"
#include "analyzer/model/process.h"
#include "perfagent/event_codec.h"

namespace perfagent {

// The clock is one counter, but CPUs read it apart: by tens of ns on sound hardware, by some us
// where a hypervisor moves virtual CPUs between unsynchronized ones. Ten times that, and still far
// less than an address takes to come back when the free between was lost.
inline constexpr uint64_t kClockSkewNs = 100'000;

class HeapReplay {
 public:
  // `process` must outlive the replay.
  HeapReplay(const Process& process, size_t streams);

  // What interval a block was sampled with is said anew in each segment.
  void OnSegment(StreamId stream);
  void OnThread(StreamId stream, const ThreadRecord& record);
  void OnInterval(StreamId stream, const IntervalRecord& record);
  void OnThin(const ThinRecord& record);
  void OnAlloc(StreamId stream, const AllocRecord& record);
  void OnFree(StreamId stream, const FreeRecord& record);
  void OnRealloc(StreamId stream, const ReallocRecord& record);
  void OnReallocReturn(StreamId stream, const ReallocRecord& record);

  // The sums, once all events were given. Leaks are all that is live: suppressions come later.
  HeapProfile Finish();

 private:
  // Threads in the order in which they took over a stream; tids may come again.
  using ThreadOrdinal = uint32_t;
  struct Block {
    uint64_t size;
    uint64_t time_ns;
    uint64_t number;               // of this allocation in its stream
    uint64_t interval_bytes : 48;  // the greatest of its life
    uint64_t limit : sampling::kLimitBits;
    bool dropped : 1;            // by thinning
    bool displaced_another : 1;  // which is in displaced_
    SiteId site;
    ThreadOrdinal thread;

    Weight WeightNow() const {
      return interval_bytes == 0 ? Weight() : Weight::OfBlock(size, interval_bytes);
    }
  };
  static_assert(sizeof(Block) == 40);  // millions may be live
  static_assert(kGreatestInterval < uint64_t{1} << 48);
  struct StreamState {
    uint64_t interval_bytes = 0;
    uint64_t allocations = 0;
    uint64_t tid = 0;
    ThreadOrdinal thread = 0;
  };
  struct SiteState {
    Tally live_bytes;
    uint64_t stamp = 0;
  };
  // The last site of a stack: nearly every stack has one kind of call.
  struct SiteHint {
    HeapApi api = HeapApi::kCount;
    SiteId site;
  };

  // Time has come to `time_ns`.
  void Advance(uint64_t time_ns);
  void Thin(uint64_t time_ns, uint64_t interval_bytes);
  SiteId SiteOf(uint64_t dump_stack, HeapApi api);
  void Begin(StreamId stream, HeapApi api, uint64_t time_ns, uint64_t address, uint64_t size,
             uint64_t dump_stack, uint32_t limit);
  // The block at `address` that the stream's thread ends; nullopt when none is known there.
  std::optional<Block> End(StreamId stream, uint64_t address, uint64_t time_ns);
  // Takes it out of what is live.
  std::optional<Block> TakeEnded(StreamId stream, uint64_t address, uint64_t time_ns);
  void Displace(uint64_t address, const Block& block);
  void AddLive(const Block& block);
  void RemoveLive(const Block& block);
  void Thin(Block* block, uint64_t interval_bytes);
  bool IsTemporary(StreamId stream, const Block& block, uint64_t free_flags) const;
  void Settle(SiteId site);

  const Process& process_;
  std::vector<StreamState> streams_;
  HeapProfile profile_;
  std::vector<SiteState> states_;  // indexed by SiteId
  std::vector<SiteHint> hints_;    // indexed by StackId
  absl::flat_hash_map<uint64_t, SiteId> site_of_;
  absl::flat_hash_map<uint64_t, Block> live_;  // by address
  // Blocks that ended because another one began at their address, the last one of each.
  absl::flat_hash_map<uint64_t, Block> displaced_;
  ThreadOrdinal threads_ = 0;
  ThinRecord last_thinning_ = {};
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  uint64_t next_advance_ns_ = kNever;  // when Advance has something to do
  // No live block has a lesser one: most thinnings of a damaged file need not look at all of them.
  uint64_t least_live_interval_ = std::numeric_limits<uint64_t>::max();
  Tally live_bytes_;
  double peak_bytes_ = 0;
  uint64_t peak_stamp_ = 0;
};

}  // namespace perfagent
