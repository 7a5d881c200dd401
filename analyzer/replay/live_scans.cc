#include "analyzer/replay/live_scans.h"

#include "analyzer/model/heap_profile.h"

namespace perfagent {
namespace {

// Two of these are in one line.
constexpr uint64_t kSmall = kCacheLine / 2;

bool IsSmall(const Block& block) {
  return !block.dropped && block.interval_bytes == 0 && block.size <= kSmall;
}

}  // namespace

void LiveAges::Scan(LiveBlocks* live, uint64_t now_ns, uint64_t first_ns) {
  live->ForEach([&](const Block* block) {
    if (block->dropped || block->time_ns < first_ns || block->time_ns > now_ns) return;
    const Weight weight = Weight::OfBlock(block->size, block->interval_bytes);
    ages_[block->site.value()].Make().counts[LifetimeBucket(now_ns - block->time_ns)] +=
        weight.factor;
  });
}

void SharedLines::Scan(size_t scan, LiveBlocks* live) {
  live->ForEach([&](const Block* block) {
    if (!IsSmall(*block)) return;
    // The next block in its line; allocators give out multiples of 16, but for what is no larger than 8 bytes.
    const uint64_t end = (block->address / kCacheLine + 1) * kCacheLine;
    for (uint64_t address = block->address + 16; address < end; address += 16) {
      const Block* other = live->Find(address);
      if (other == nullptr || !IsSmall(*other)) continue;
      const bool is_of_another_thread =
          other->stream != block->stream || other->owner.turn != block->owner.turn;
      if (is_of_another_thread) ++lines_[scan][std::minmax(block->site, other->site)];
      return;
    }
  });
}

}  // namespace perfagent
