#include "analyzer/replay/handovers.h"

namespace perfagent {

void Handovers::Add(const Block& block, const HeapEvent& event, Weight weight) {
  const Key key = {block.site, turns_.NameOf(block.stream, block.owner.turn),
                   turns_.NameOf(event.stream, event.owner.turn),
                   static_cast<uint32_t>(block.owner.node),
                   static_cast<uint32_t>(event.owner.node)};
  if (last_blocks_ == nullptr || !(key == last_)) {
    last_ = key;
    last_blocks_ = &blocks_[key];
  }
  last_blocks_->Add(1, weight);
}

}  // namespace perfagent
