#include "analyzer/replay/live_blocks.h"

#include <utility>

namespace perfagent {

Block* LiveBlocks::Slot(uint64_t address) {
  Block* slot = Probe(address);
  if (slot->use == Block::kLive) return slot;
  if (slot->use == Block::kNever) {
    if ((used_ + 1) * 8 > slots_.size() * 5) [[unlikely]] {
      MakeRoom();
      slot = Probe(address);
    }
    ++used_;
  }
  ++live_;
  slot->use = Block::kEnded;  // until it is filled
  return slot;
}

void LiveBlocks::MakeRoom() {
  // Half of what may be used must be free afterwards, or it would not last.
  const bool is_crowded = live_ * 16 > slots_.size() * 5;
  std::vector<Block> old(is_crowded ? slots_.size() * 2 : slots_.size());
  old.swap(slots_);
  for (const Block& block : old) {
    if (block.use == Block::kLive) *Probe(block.address) = block;
  }
  used_ = live_;
}

}  // namespace perfagent
