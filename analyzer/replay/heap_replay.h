// heap_replay.h: heap events in time order become sites, live blocks and the peak.
//
// The peak needs one pass and no copy of all sites at each new peak. `peak_stamp_` numbers the
// peaks. Before the live bytes of a site change, Settle makes up for the peaks since its last
// change:
//
//   Invariant: a site's live bytes at peak `peak_stamp_` are peak_bytes when stamp == peak_stamp_,
//              live_bytes when stamp < peak_stamp_.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/heap_profile.h"
#include "analyzer/model/process.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class HeapReplay {
 public:
  // `process` must outlive the replay.
  HeapReplay(const Process& process, size_t streams);

  void OnThread(StreamId stream, const ThreadRecord& record);
  void OnInterval(StreamId stream, const IntervalRecord& record);
  void OnAlloc(StreamId stream, const AllocRecord& record);
  void OnFree(StreamId stream, const FreeRecord& record);
  void OnRealloc(const ReallocRecord& record);
  void OnReallocReturn(StreamId stream, const ReallocRecord& record);

  // The sums, once all events were given. Leaks are all that is live: suppressions come later.
  HeapProfile Finish();

 private:
  // Threads in the order in which they took over a stream; tids may come again.
  using ThreadOrdinal = uint32_t;
  struct Block {
    uint64_t size;
    uint64_t time_ns;
    uint64_t number;  // of this allocation in its stream
    SiteId site;
    ThreadOrdinal thread;
    Weight weight;
  };
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

  SiteId SiteOf(uint64_t dump_stack, HeapApi api);
  void Begin(StreamId stream, HeapApi api, uint64_t time_ns, uint64_t address, uint64_t size,
             uint64_t dump_stack);
  // Takes the block at `address` out of what is live; nullopt when none is known there.
  std::optional<Block> End(uint64_t address, uint64_t time_ns);
  void RemoveLive(const Block& block);
  bool IsTemporary(StreamId stream, const Block& block, uint64_t free_flags) const;
  void Settle(SiteId site);

  const Process& process_;
  std::vector<StreamState> streams_;
  HeapProfile profile_;
  std::vector<SiteState> states_;  // indexed by SiteId
  std::vector<SiteHint> hints_;    // indexed by StackId
  absl::flat_hash_map<uint64_t, SiteId> site_of_;
  absl::flat_hash_map<uint64_t, Block> live_;  // by address
  ThreadOrdinal threads_ = 0;
  Tally live_bytes_;
  double peak_bytes_ = 0;
  uint64_t peak_stamp_ = 0;
};

}  // namespace perfagent
