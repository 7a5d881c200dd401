#include "analyzer/replay/heap_events.h"

#include <algorithm>

namespace perfagent {
namespace {

// What fits into Owner.
constexpr uint64_t kGreatestNode = 63;

// glibc maps blocks of this size and more (or of more), and mremap moves them by their pages.
constexpr uint64_t kLeastMapped = 128 << 10;
// Such a block begins behind its header, at the start of a page.
bool IsAtPageStart(uint64_t address) { return address % 4096 == 16; }

bool IsCopied(const ReallocRecord& record) {
  if (record.new_address == 0 || record.new_address == record.old_address) return false;
  return record.size < kLeastMapped || !IsAtPageStart(record.old_address) ||
         !IsAtPageStart(record.new_address);
}

}  // namespace

HeapEvents::HeapEvents(const DumpFile& file, const SegmentIndex& index, const Process& process,
                       const EventView& view, StreamId id)
    : process_(process),
      view_(view),
      id_(id),
      is_sampled_(process.facts.IsSampled()),
      steps_(file, index.clock, index.streams[id.value()]) {}

// Field by field, where it stands: a whole event that is copied at once stalls until the last of its fields is stored.
inline HeapEvent& HeapEvents::AddEvent(HeapEvent::Kind kind, uint64_t time_ns, uint64_t address,
                                       EventBlock* block) {
  block->keys.Add() = steps_.key();
  HeapEvent& event = block->events.Add();
  event.time_ns = time_ns;
  event.address = address;
  event.size = 0;
  event.owner = owner_;
  event.interval_bytes = 0;
  event.stream = id_;
  event.stack = kNoStack;
  event.limit = 0;
  event.kind = kind;
  return event;
}

inline void HeapEvents::AddBegin(uint64_t time_ns, uint64_t address, uint64_t size,
                                 uint64_t dump_stack, HeapApi api, uint32_t limit,
                                 EventBlock* block) {
  const KnownStack& stack = process_.LookUpStack(dump_stack);
  stacks_.Count(stack);
  undefined_stacks_ += !stack.IsDefined();
  ++owner_.number;
  HeapEvent& event = AddEvent(HeapEvent::kBegin, time_ns, address, block);
  event.size = size;
  event.interval_bytes = interval_bytes_;
  event.stack = stack.stack();
  event.limit = static_cast<uint16_t>(limit);
  event.api = api;
  begun_size_ = interval_bytes_ == 0 ? size : 0;
  begun_stack_ = event.stack;
}

inline void HeapEvents::AddFree(HeapEvent::Kind kind, uint64_t time_ns, uint64_t address,
                                uint64_t dump_stack, EventBlock* block) {
  stacks_.Count(process_.LookUpStack(dump_stack));
  HeapEvent& event = AddEvent(kind, time_ns, address, block);
  event.size = begun_size_;
  event.stack = begun_stack_;
  begun_size_ = 0;
}

void HeapEvents::AddReallocEnd(const ReallocRecord& record, EventBlock* block) {
  if ((record.flags & kReallocEndsOld) == 0 || record.old_address == 0) return;
  const HeapEvent::Kind kind = IsCopied(record) ? HeapEvent::kCopyingRealloc : HeapEvent::kRealloc;
  HeapEvent& event = AddEvent(kind, record.time, record.old_address, block);
  event.size = record.size;
  event.stack = process_.LookUpStack(record.stack).stack();
}

void HeapEvents::AddReallocReturn(const ReallocRecord& record, EventBlock* block) {
  if ((record.flags & kReallocBeginsNew) != 0 && record.new_address != 0)
    AddBegin(record.time + record.duration, record.new_address, record.size, record.stack,
             record.api, record.limit, block);
  TimeRealloc(record);
}

// Every record says how long it took. One in so many tells as much, and the reading stays as fast as it is.
void HeapEvents::TimeRealloc(const ReallocRecord& record) {
  constexpr uint32_t kRun = 61;
  const uint32_t run = interval_bytes_ == 0 ? kRun : 1;
  if ((record.flags & kReallocBeginsNew) == 0 || ++untimed_reallocs_ < run) return;
  untimed_reallocs_ = 0;
  const Weight weight = interval_bytes_ == 0 ? Weight::OfProbability(1.0 / kRun)
                                             : Weight::OfBlock(record.size, interval_bytes_);
  calls_.AddRealloc(record.size, record.duration, weight);
}

void HeapEvents::AddThin(const ThinRecord& record, EventBlock* block) {
  if (!is_sampled_) return;
  const uint64_t interval_bytes = sampling::GridFloor(record.interval_bytes);
  widest_interval_bytes_ = std::max(widest_interval_bytes_, interval_bytes);
  AddEvent(HeapEvent::kThin, record.time, 0, block).interval_bytes = interval_bytes;
}

bool HeapEvents::Counts(uint64_t begin_ns, uint64_t length_ns, uint64_t dump_stack) const {
  // What a damaged file says may end after all time.
  constexpr uint64_t kLast = EventView::kNoEnd - 1;
  uint64_t end_ns = 0;
  if (__builtin_add_overflow(begin_ns, length_ns, &end_ns)) end_ns = kLast;
  end_ns = std::min(end_ns, kLast);
  return !owner_.is_left_out && view_.HasTime(end_ns) &&
         view_.HasStack(process_.LookUpStack(dump_stack).stack());
}

void HeapEvents::AddLock(LockEvent event, EventBlock* block) {
  AddEvent(HeapEvent::kLock, 0, 0, block).size = block->lock_events.size();
  block->lock_events.push_back(std::move(event));
}

bool HeapEvents::Fill(size_t most, EventBlock* block) {
  CompactEvent event;
  while (block->events.size() < most) {
    if (steps_.NextCompact(&event)) [[likely]] {
      if (event.is_free) {
        AddFree(HeapEvent::kFree, event.time, event.address, event.stack, block);
      } else {
        AddBegin(event.time, event.address, event.size, event.stack, event.api, sampling::kNoLimit,
                 block);
      }
      continue;
    }
    if (!steps_.Next()) return false;
    // What interval a block was sampled with is said anew in each segment. Full mode has none
    // before its end, whatever a damaged file says.
    if (steps_.begins_segment()) OnNode(0);
    if (steps_.begins_segment() && is_sampled_) interval_bytes_ = process_.facts.interval_bytes;
    if (steps_.is_return()) {
      AddReallocReturn(std::get<ReallocRecord>(steps_.record()), block);
    } else {
      Add(steps_.record(), block);
    }
  }
  return true;
}

void HeapEvents::Add(const Record& record, EventBlock* block) {
  if (const auto* alloc = std::get_if<AllocRecord>(&record)) {
    AddBegin(alloc->time, alloc->address, alloc->size, alloc->stack, alloc->api, alloc->limit,
             block);
  } else if (const auto* free = std::get_if<FreeRecord>(&record)) {
    const bool says_temporary = (free->flags & kFreeTemporary) != 0;
    AddFree(says_temporary ? HeapEvent::kTemporaryFree : HeapEvent::kFree, free->time,
            free->address, free->stack, block);
  } else if (const auto* realloc = std::get_if<ReallocRecord>(&record)) {
    AddReallocEnd(*realloc, block);
  } else if (const auto* wait = std::get_if<LockWaitRecord>(&record)) {
    if (Counts(wait->time, wait->wait, wait->stack))
      AddLock(LockWaitEvent{*wait, {wait->cuts, wait->cuts + wait->count}}, block);
  } else if (const auto* release = std::get_if<LockReleaseRecord>(&record)) {
    AddLock(*release, block);
  } else if (const auto* section = std::get_if<LockSectionRecord>(&record)) {
    if (Counts(section->time, section->hold, section->stack)) AddLock(*section, block);
  } else if (const auto* acquire = std::get_if<LockAcquireRecord>(&record)) {
    if (Counts(acquire->time, 0, acquire->stack)) AddLock(*acquire, block);
  } else if (const auto* call = std::get_if<AllocatorCallRecord>(&record)) {
    calls_.Add(*call);
  } else if (const auto* memory = std::get_if<MemoryRecord>(&record)) {
    memory_at_end_ = *memory;
  } else if (const auto* peak = std::get_if<PeakResidentRecord>(&record)) {
    if (view_.HasTime(peak->time)) peak_resident_.Add(*peak);
  } else if (const auto* thread = std::get_if<ThreadRecord>(&record)) {
    OnThread(*thread);
  } else if (const auto* interval = std::get_if<IntervalRecord>(&record)) {
    OnInterval(*interval);
  } else if (const auto* node = std::get_if<NodeRecord>(&record)) {
    OnNode(node->node);
  } else if (const auto* thin = std::get_if<ThinRecord>(&record)) {
    AddThin(*thin, block);
  }
}

void HeapEvents::OnThread(const ThreadRecord& record) {
  owner_.is_left_out = !view_.HasThread(record.tid, record.name);
  if (tid_ == record.tid) return;
  tid_ = record.tid;
  ++owner_.turn;
}

void HeapEvents::OnNode(uint64_t node) { owner_.node = std::min(node, kGreatestNode); }

void HeapEvents::OnInterval(const IntervalRecord& record) {
  if (!is_sampled_) return;
  interval_bytes_ = record.interval_bytes;
  widest_interval_bytes_ = std::max(widest_interval_bytes_, record.interval_bytes);
}

}  // namespace perfagent
