#include "analyzer/replay/heap_shard.h"

#include <algorithm>

namespace perfagent {

void HeapShard::Replay(std::span<const HeapEvent> events, uint64_t first_event,
                       std::optional<uint32_t> last_peak) {
  SumUp(last_peak);
  blocks_.Replay(events, first_event, &changes_);
}

void HeapShard::Finish(std::optional<uint32_t> last_peak) {
  SumUp(last_peak);
  blocks_.Finish(&changes_);
  SumUp(std::nullopt);
  blocks_.live().ForEach([this](const Block* block) { AddLeft(*block); });
}

void HeapShard::AddLeft(const Block& block) {
  if (blocks_.CountsBegin(block)) {
    sums_.AddLeft(block);
  } else if (BlockReplay::CountsLive(block)) {
    sums_.DropLeft(block);
  }
}

void HeapShard::SumUp(std::optional<uint32_t> peak) {
  const std::span<const Change> changes = changes_.span();
  sizes_.Apply(changes);
  size_t before = 0;
  if (peak) {
    const auto after =
        std::upper_bound(changes.begin(), changes.end(), *peak,
                         [](uint32_t order, const Change& change) { return order < change.order; });
    before = static_cast<size_t>(after - changes.begin());
    sums_.Apply(changes.first(before));
    sums_.AtPeak();
  }
  sums_.Apply(changes.subspan(before));
  changes_.Clear();
}

}  // namespace perfagent
