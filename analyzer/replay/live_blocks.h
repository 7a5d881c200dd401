// live_blocks.h: the blocks that are live, by address.
//
// Open addressing with linear probing. A slot keeps its address when its block has ended: allocators give addresses out
// again, so most blocks find the slot of their predecessor, and nothing has to move. When too few slots are free, those
// of ended blocks are given up, and there are more if that does not make room.
//
//   used:  never  ended  live        a search ends at the first slot that was never used
//
// Invariant: at least 3/8 of the slots were never used.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/hash/hash.h"
#include "analyzer/model/estimate.h"
#include "analyzer/model/ids.h"
#include "analyzer/replay/heap_events.h"

namespace perfagent {

struct Block {
  enum Use : uint8_t { kNever, kEnded, kLive };

  uint64_t address;
  uint64_t size;
  uint64_t time_ns;
  Owner owner;              // who made it
  uint64_t interval_bytes;  // of the sampling, the greatest of its life
  StreamId stream;
  SiteId site;
  StackId stack;  // the site's
  uint16_t limit;
  Use use : 2;
  bool dropped : 1;            // by thinning
  bool displaced_another : 1;  // see BlockReplay
  bool holds_lock : 1;
};
static_assert(sizeof(Block) == 56);  // millions may be live

class LiveBlocks {
 public:
  LiveBlocks() : slots_(kFirstSlots) {}

  // To be called some events before the address is looked for.
  void Prefetch(uint64_t address) const {
    const Block* slot = &slots_[HomeOf(address)];
    __builtin_prefetch(slot);
    __builtin_prefetch(reinterpret_cast<const char*>(slot + 1) - 1);
  }

  // nullptr when none is live there. Valid until the next Slot.
  Block* Find(uint64_t address) {
    Block* slot = Probe(address);
    return slot->use == Block::kLive ? slot : nullptr;
  }
  // The slot for a block at this address: the caller fills it, and it is live from then on. What was there is in it until
  // then: a live block, or whatever.
  Block* Slot(uint64_t address);
  void End(Block* block) {
    block->use = Block::kEnded;
    --live_;
  }

  template <typename Visit>
  void ForEach(Visit visit) {
    for (Block& slot : slots_) {
      if (slot.use == Block::kLive) visit(&slot);
    }
  }
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Block& slot : slots_) {
      if (slot.use == Block::kLive) visit(slot);
    }
  }

 private:
  static constexpr size_t kFirstSlots = 1 << 10;

  size_t HomeOf(uint64_t address) const { return absl::HashOf(address) & (slots_.size() - 1); }
  // The address's slot, or the one where it could be put.
  Block* Probe(uint64_t address) {
    size_t at = HomeOf(address);
    while (slots_[at].use != Block::kNever && slots_[at].address != address)
      at = (at + 1) & (slots_.size() - 1);
    return &slots_[at];
  }
  void MakeRoom();

  std::vector<Block> slots_;  // a power of two
  size_t live_ = 0;
  size_t used_ = 0;  // live or ended
};

}  // namespace perfagent
