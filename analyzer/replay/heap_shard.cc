#include "analyzer/replay/heap_shard.h"

#include <algorithm>
#include <utility>

namespace perfagent {

HeapShard::HeapShard(const Process& process, const EventView& view, const LockAddresses& locks,
                     const ThreadTurns& turns, size_t parts)
    : duration_ns_(process.facts.duration_ns),
      has_threads_(process.thread_count() > 1),
      handovers_(turns),
      blocks_(process, view, locks, &handovers_),
      changes_(parts),
      last_changes_(parts) {}

void HeapShard::Replay(std::span<const HeapEvent> events, std::span<const TickBegin> ticks) {
  blocks_.Begin(changes_);
  for (const TickBegin& begin : ticks) {
    const auto first = std::lower_bound(
        events.begin(), events.end(), begin.order,
        [](const HeapEvent& event, uint32_t order) { return event.order < order; });
    const auto before = static_cast<size_t>(first - events.begin());
    blocks_.Replay(events.first(before));
    events = events.subspan(before);
    Scan(begin.tick);
  }
  blocks_.Replay(events);
}

void HeapShard::Finish() {
  blocks_.Begin(changes_);
  blocks_.Finish();
  Scan(kTicks);
}

void HeapShard::TurnOver() {
  std::swap(changes_, last_changes_);
  for (Batch<Change>& part : changes_) part.Clear();
}

void HeapShard::Scan(uint32_t tick) {
  const auto begins = [&](size_t scan_tick) { return tick_ < scan_tick && scan_tick <= tick; };
  for (size_t scan = 0; has_threads_ && scan < SharedLines::kScans; ++scan) {
    if (begins((scan + 1) * kTicks / (SharedLines::kScans + 1)))
      shared_lines_.Scan(scan, &blocks_.live());
  }
  if (begins(kFirstSlotOfEnd * kTicksPerSlot)) {
    ages_.Scan(&blocks_.live(), duration_ns_ / kSlots * kFirstSlotOfEnd,
               duration_ns_ / kSlots * kStartSlots);
  }
  tick_ = tick;
}

}  // namespace perfagent
