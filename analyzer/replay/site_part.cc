#include "analyzer/replay/site_part.h"

#include <algorithm>
#include <bit>

namespace perfagent {

SitePart::SitePart(const Process& process, const std::deque<HeapShard>& shards, size_t part,
                   size_t parts)
    : shards_(shards),
      duration_ns_(process.facts.duration_ns),
      part_(part),
      parts_(parts),
      sums_(SizeClassesOf(process.facts.allocator), std::countr_zero(parts)),
      sizes_(SizeClassesOf(process.facts.allocator)),
      summed_(shards.size()) {}

void SitePart::SumUp(const Moments& moments) {
  constexpr uint64_t kEnd = uint64_t{1} << 32;  // no HeapEvent::order is as great
  constexpr uint64_t kNever = kEnd + 1;
  std::fill(summed_.begin(), summed_.end(), 0);
  uint64_t after_peak = moments.peak ? uint64_t{*moments.peak} + 1 : kNever;
  const auto reach = [&](uint64_t order) {
    if (after_peak <= order) {
      SumUpTo(after_peak);
      sums_.AtPeak();
      after_peak = kNever;
    }
    SumUpTo(order);
  };
  for (const TickBegin& begin : moments.ticks) {
    reach(begin.order);
    sums_.BeginTick(begin.tick);
  }
  reach(kEnd);
}

void SitePart::SumUpTo(uint64_t end_order) {
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    const std::span<const Change> changes =
        shards_[shard].last_changes(part_).subspan(summed_[shard]);
    const auto end =
        std::lower_bound(changes.begin(), changes.end(), end_order,
                         [](const Change& change, uint64_t order) { return change.order < order; });
    const auto next = changes.first(static_cast<size_t>(end - changes.begin()));
    sums_.Apply(next);
    sizes_.Apply(next);
    summed_[shard] += next.size();
  }
}

void SitePart::Finish(size_t sites) {
  sums_.BeginTick(kTicks);
  for (const HeapShard& shard : shards_) {
    const BlockReplay& blocks = shard.blocks();
    blocks.live().ForEach([&](const Block& block) {
      if (block.site.value() % parts_ != part_) return;
      if (blocks.CountsBegin(block)) {
        sums_.AddLeft(block, SlotAt(block.time_ns, duration_ns_));
      } else if (BlockReplay::CountsLive(block)) {
        sums_.DropLeft(block);
      }
    });
  }
  sums_.Finish((sites + parts_ - 1 - part_) / parts_);
}

}  // namespace perfagent
