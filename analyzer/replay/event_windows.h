// event_windows.h: the events of all streams, cut into windows of time, each split by address.
//
// Streams are decoded ahead of the merge, a block of events each. Up to the earliest last event of these blocks all
// events are known: so far the merge may go. (Order: by time, then by stream.)
//
//   stream 0   [. . .  .   .]                      decoded: two blocks at most
//   stream 1   [ . .  . . .  . ][. .  . .
//   stream 2         [  .        .         .
//   window     |--------->|                        to the end of what is known of stream 0
//
// A round is Begin, then each FillTask and Merge once, in any order and in any threads, then the next Begin.
// A stream's decoder exists from its first event to its last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "analyzer/model/heap_evidence.h"
#include "analyzer/replay/heap_events.h"
#include "analyzer/replay/site_table.h"
#include "analyzer/replay/window_locks.h"

namespace perfagent {

// From the event with this order on it is this tick of the recording (heap_evidence.h).
struct TickBegin {
  uint32_t order;
  uint32_t tick;
};

// Events in time order: of each shard the heap events of its addresses, which HeapEvent::order counts over all shards, and
// the lock events.
struct Window {
  std::vector<Batch<HeapEvent>> shards;
  // That begin blocks for the first time; SiteId numbers those of all windows.
  std::vector<Site> sites;
  uint32_t events = 0;
  std::vector<LockMoment> locks;
  std::vector<TickBegin> ticks;

  size_t size() const { return events + locks.size(); }
  void Clear();
};

// What was found about all streams on the way.
struct EventFacts {
  EventStacks stacks;
  uint64_t undefined_stacks = 0;
  std::vector<Damage> damage;
  uint64_t widest_interval_bytes = 0;
  AllocatorCalls calls;
  std::optional<MemoryRecord> memory_at_end;
  PeakResident peak_resident;
};

class EventWindows {
 public:
  // All must outlive this.
  EventWindows(const DumpFile& file, const SegmentIndex& index, const Process& process,
               const EventView& view);

  // False when all events have been merged.
  bool Begin();
  size_t fill_tasks() const { return fills_.size(); }
  void FillTask(size_t i);
  // Into an empty window with as many shards as it has.
  void Merge(Window* window);

  // By streams that were decoded to their end, and by those that are open.
  uint64_t segments_begun() const;
  // After the last round.
  const EventFacts& facts() const { return facts_; }

 private:
  // A place in the order of all events.
  struct Place {
    TimeKey key = 0;
    uint64_t stream = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Decoding {
    Decoding(const DumpFile& file, const SegmentIndex& index, const Process& process,
             const EventView& view, StreamId id)
        : id(id),
          number(index.streams[id.value()].number),
          events(file, index, process, view, id),
          known_to({FirstKey(index.streams[id.value()]), id.value()}) {}

    bool HasNext() const { return next < front.events.size(); }
    Place Next() const { return {front.keys[next], id.value()}; }
    // Back becomes front when front is used up.
    void TurnOver();

    StreamId id;
    uint32_t number;  // in the dump
    HeapEvents events;
    bool ended = false;    // all events are decoded
    bool filling = false;  // back is being filled in this round
    Place known_to;        // events before it are in front or in back, or merged
    EventBlock front;
    size_t next = 0;  // in front
    EventBlock back;
  };
  struct Later {
    bool operator()(const Decoding* a, const Decoding* b) const { return b->Next() < a->Next(); }
  };

  void CloseStreams();
  void OpenStreams();
  void ChooseFills();
  // The stream's next events, those before `end`.
  void MergeRun(Decoding* stream, const Place& end, Window* window);
  // Of the run, up to this key.
  void MergeEvents(Decoding* stream, TimeKey last_key, size_t most, Window* window);
  // The next event has this key.
  void NoteTick(TimeKey key, Window* window);
  TimeKey LastKeyOfTick() const;
  Place FirstPlace(StreamId stream) const;

  const DumpFile& file_;
  const SegmentIndex& index_;
  const Process& process_;
  const EventView& view_;
  std::vector<StreamId> unopened_;  // those that begin first last
  std::vector<std::unique_ptr<Decoding>> open_;
  std::vector<Decoding*> fills_;
  size_t fill_events_ = 0;
  Place known_to_;
  SiteTable sites_;
  const TimeKey tick_width_;
  uint64_t tick_ = 0;  // of the last merged event
  EventFacts facts_;
  uint64_t segments_done_ = 0;
};

}  // namespace perfagent
