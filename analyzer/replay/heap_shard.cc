#include "analyzer/replay/heap_shard.h"

#include <algorithm>

namespace perfagent {

HeapShard::HeapShard(const Process& process, const EventView& view, const LockAddresses& locks,
                     const ThreadTurns& turns)
    : duration_ns_(process.facts.duration_ns),
      has_threads_(process.thread_count() > 1),
      handovers_(turns),
      blocks_(process, view, locks, &handovers_),
      sums_(SizeClassesOf(process.facts.allocator)),
      sizes_(SizeClassesOf(process.facts.allocator)) {}

void HeapShard::Replay(std::span<const HeapEvent> events, std::span<const TickBegin> ticks,
                       uint64_t first_event, std::optional<uint32_t> last_peak) {
  SumUp(last_peak);
  blocks_.Begin(first_event, &changes_);
  for (const TickBegin& begin : ticks) {
    const auto first = std::lower_bound(
        events.begin(), events.end(), begin.order,
        [](const HeapEvent& event, uint32_t order) { return event.order < order; });
    const auto before = static_cast<size_t>(first - events.begin());
    blocks_.Replay(events.first(before));
    events = events.subspan(before);
    Scan(begin.tick);
    ticks_.push_back({changes_.size(), begin.tick});
  }
  blocks_.Replay(events);
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

void HeapShard::Finish(std::optional<uint32_t> last_peak) {
  SumUp(last_peak);
  blocks_.Finish(&changes_);
  SumUp(std::nullopt);
  Scan(kTicks);
  sums_.BeginTick(kTicks);
  blocks_.live().ForEach([this](const Block* block) { AddLeft(*block); });
  sums_.Finish(blocks_.sites().sites().size());
}

void HeapShard::AddLeft(const Block& block) {
  if (blocks_.CountsBegin(block)) {
    sums_.AddLeft(block, SlotAt(block.time_ns, duration_ns_));
  } else if (BlockReplay::CountsLive(block)) {
    sums_.DropLeft(block);
  }
}

void HeapShard::SumUp(std::optional<uint32_t> peak) {
  const std::span<const Change> changes = changes_.span();
  sizes_.Apply(changes);
  size_t peak_at = changes.size() + 1;
  if (peak) {
    const auto after =
        std::upper_bound(changes.begin(), changes.end(), *peak,
                         [](uint32_t order, const Change& change) { return order < change.order; });
    peak_at = static_cast<size_t>(after - changes.begin());
  }
  const auto reach_peak = [&](size_t end) {
    if (peak_at > end) return;
    SumUpTo(peak_at);
    sums_.AtPeak();
    peak_at = changes.size() + 1;
  };
  for (const ChangeTick& begin : ticks_) {
    reach_peak(begin.changes);
    SumUpTo(begin.changes);
    sums_.BeginTick(begin.tick);
  }
  reach_peak(changes.size());
  SumUpTo(changes.size());
  changes_.Clear();
  ticks_.clear();
  summed_ = 0;
}

void HeapShard::SumUpTo(size_t end) {
  sums_.Apply(changes_.span().subspan(summed_, end - summed_));
  summed_ = end;
}

}  // namespace perfagent
