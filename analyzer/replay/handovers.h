// handovers.h: which threads' blocks are freed by which other threads.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/estimate.h"
#include "analyzer/replay/heap_events.h"
#include "analyzer/replay/live_blocks.h"
#include "analyzer/replay/thread_turns.h"

namespace perfagent {

class Handovers {
 public:
  struct Key {
    SiteId site;
    NameId maker;
    NameId freer;
    uint32_t maker_node;
    uint32_t freer_node;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Key& key) {
      return H::combine(std::move(hash), key.site, key.maker, key.freer, key.maker_node,
                        key.freer_node);
    }
  };

  // Must outlive this.
  explicit Handovers(const ThreadTurns& turns) : turns_(turns) {}

  // The event frees the block.
  void Add(const Block& block, const HeapEvent& event, Weight weight);

  const absl::flat_hash_map<Key, Tally>& blocks() const { return blocks_; }
  const ThreadTurns& turns() const { return turns_; }

 private:
  const ThreadTurns& turns_;
  absl::flat_hash_map<Key, Tally> blocks_;
  // Mostly the next one is of the same kind; valid until a new one comes.
  Key last_ = {};
  Tally* last_blocks_ = nullptr;
};

}  // namespace perfagent
