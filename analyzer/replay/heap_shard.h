// heap_shard.h: the replay of some addresses' events.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "analyzer/replay/batch.h"
#include "analyzer/replay/block_replay.h"
#include "analyzer/replay/site_sums.h"
#include "analyzer/replay/size_sums.h"

namespace perfagent {

class HeapShard {
 public:
  // All must outlive this.
  HeapShard(const Process& process, const EventView& view, const LockAddresses& locks)
      : blocks_(process, view, locks) {}

  // The shard's events of the next window; `first_event` is the number of events before the window, and `last_peak` says
  // after which event of the last window the heap was as large as never before.
  void Replay(std::span<const HeapEvent> events, uint64_t first_event,
              std::optional<uint32_t> last_peak);
  // After the last window.
  void Finish(std::optional<uint32_t> last_peak);

  // Of the window.
  std::span<const Change> changes() const { return changes_.span(); }
  const Growth& growth() const { return blocks_.growth(); }

  BlockReplay& blocks() { return blocks_; }
  SiteSums& sums() { return sums_; }
  const SizeSums& sizes() const { return sizes_; }

 private:
  void SumUp(std::optional<uint32_t> peak);
  void AddLeft(const Block& block);

  BlockReplay blocks_;
  SiteSums sums_;
  SizeSums sizes_;
  Batch<Change> changes_;
};

}  // namespace perfagent
