// heap_events.h: one stream's events as the replay wants them, worked out as far as the stream alone allows.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "analyzer/model/allocator_calls.h"
#include "analyzer/model/event_stacks.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/peak_resident.h"
#include "analyzer/model/process.h"
#include "analyzer/replay/batch.h"
#include "analyzer/replay/event_view.h"
#include "analyzer/replay/stream_steps.h"
#include "perfagent/dump_format.h"
#include "perfagent/sampling.h"

namespace perfagent {

// Who makes or ends a block, in its stream: the how manieth thread that took the stream over, and how many
// blocks had begun by then, or where that does not fit its lowest bits. (Tids may come again.) Events of a thread that is left out do not count (event_view.h).
struct Owner {
  uint64_t turn : 23;
  uint64_t is_left_out : 1;
  uint64_t node : 6;  // NUMA node; its greatest value stands for all from there on
  uint64_t number : 34;
};

struct HeapEvent {
  enum Kind : uint8_t {
    kBegin,           // of a block
    kFree,            // ends one
    kTemporaryFree,   // ends a sampled one, of which the agent says that it was temporary
    kRealloc,         // ends the old one; the new one's beginning is another event
    kCopyingRealloc,  // likewise, and what was in it was copied to another place
    kThin,            // to interval_bytes
    kLock,            // EventBlock::lock_events[size]
  };

  uint64_t time_ns;  // as recorded; the order is that of EventBlock::keys
  uint64_t address;
  // Of frees: of the block that the thread had begun just before, if all are recorded; 0: there is none. Of reallocs: of
  // the new block. Likewise `stack`.
  uint64_t size;
  Owner owner;
  uint64_t interval_bytes;  // of the sampling; 0: every block
  StreamId stream;
  StackId stack;
  SiteId site;     // of beginnings (event_windows.h)
  uint32_t order;  // in its window, likewise
  uint16_t limit;  // see sampling.h
  HeapApi api;
  Kind kind;
};
static_assert(sizeof(HeapEvent) == 64);  // a replay copies each twice
static_assert(sampling::kLimitBits <= 16);

// A record whose cuts are its own.
struct LockWaitEvent {
  LockWaitRecord record;
  std::vector<WaitCut> cuts;
};
using LockEvent =
    std::variant<LockWaitEvent, LockReleaseRecord, LockSectionRecord, LockAcquireRecord>;

// Some events of a stream in their order.
struct EventBlock {
  Batch<TimeKey> keys;  // of each event
  Batch<HeapEvent> events;
  std::vector<LockEvent> lock_events;

  void Clear() {
    keys.Clear();
    events.Clear();
    lock_events.clear();
  }
};

class HeapEvents {
 public:
  // Of stream `id` in the index. All must outlive this.
  HeapEvents(const DumpFile& file, const SegmentIndex& index, const Process& process,
             const EventView& view, StreamId id);

  // Fills an empty block with the next events, so many at most. False when these are the last ones.
  bool Fill(size_t most, EventBlock* block);

  // Of the events so far.
  size_t segments_begun() const { return steps_.segments_begun(); }
  const EventStacks& stacks() const { return stacks_; }
  uint64_t undefined_stacks() const { return undefined_stacks_; }
  const std::vector<Damage>& damage() const { return steps_.damage(); }
  uint64_t widest_interval_bytes() const { return widest_interval_bytes_; }
  const AllocatorCalls& calls() const { return calls_; }
  const std::optional<MemoryRecord>& memory_at_end() const { return memory_at_end_; }
  const PeakResident& peak_resident() const { return peak_resident_; }

 private:
  void Add(const Record& record, EventBlock* block);
  void OnThread(const ThreadRecord& record);
  void OnInterval(const IntervalRecord& record);
  void OnNode(uint64_t node);
  HeapEvent& AddEvent(HeapEvent::Kind kind, uint64_t time_ns, uint64_t address, EventBlock* block);
  void AddBegin(uint64_t time_ns, uint64_t address, uint64_t size, uint64_t dump_stack, HeapApi api,
                uint32_t limit, EventBlock* block);
  void AddFree(HeapEvent::Kind kind, uint64_t time_ns, uint64_t address, uint64_t dump_stack,
               EventBlock* block);
  void AddReallocEnd(const ReallocRecord& record, EventBlock* block);
  void AddReallocReturn(const ReallocRecord& record, EventBlock* block);
  void AddThin(const ThinRecord& record, EventBlock* block);
  void AddLock(LockEvent event, EventBlock* block);
  void TimeRealloc(const ReallocRecord& record);
  // Of a wait or a section that ended then.
  bool Counts(uint64_t begin_ns, uint64_t length_ns, uint64_t dump_stack) const;

  const Process& process_;
  const EventView& view_;
  const StreamId id_;
  const bool is_sampled_;
  StreamSteps steps_;
  Owner owner_ = {};
  uint64_t tid_ = 0;
  uint64_t interval_bytes_ = 0;
  // Of the block that the last event began; 0 where it did not.
  uint64_t begun_size_ = 0;
  StackId begun_stack_ = kNoStack;
  EventStacks stacks_;
  uint64_t undefined_stacks_ = 0;
  uint64_t widest_interval_bytes_ = 0;
  AllocatorCalls calls_;
  uint32_t untimed_reallocs_ = 0;
  std::optional<MemoryRecord> memory_at_end_;
  PeakResident peak_resident_;
};

}  // namespace perfagent
