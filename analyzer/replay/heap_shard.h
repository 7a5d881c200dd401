// heap_shard.h: the replay of some addresses' events.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analyzer/replay/batch.h"
#include "analyzer/replay/block_replay.h"
#include "analyzer/replay/event_windows.h"
#include "analyzer/replay/live_scans.h"
#include "analyzer/replay/site_sums.h"
#include "analyzer/replay/size_sums.h"

namespace perfagent {

class HeapShard {
 public:
  // All must outlive this.
  HeapShard(const Process& process, const EventView& view, const LockAddresses& locks,
            const ThreadTurns& turns);

  // The shard's events of the next window, and which ticks begin in it; `first_event` is the number of events before the
  // window, and `last_peak` says after which event of the last window the heap was as large as never before.
  void Replay(std::span<const HeapEvent> events, std::span<const TickBegin> ticks,
              uint64_t first_event, std::optional<uint32_t> last_peak);
  // After the last window.
  void Finish(std::optional<uint32_t> last_peak);

  // Of the window.
  std::span<const Change> changes() const { return changes_.span(); }
  const Growth& growth() const { return blocks_.growth(); }

  BlockReplay& blocks() { return blocks_; }
  SiteSums& sums() { return sums_; }
  const Handovers& handovers() const { return handovers_; }
  const LiveAges& ages() const { return ages_; }
  const SharedLines& shared_lines() const { return shared_lines_; }
  const SizeSums& sizes() const { return sizes_; }

 private:
  // A tick that begins when so many changes were made.
  struct ChangeTick {
    size_t changes;
    uint32_t tick;
  };

  void AddLeft(const Block& block);

  void SumUp(std::optional<uint32_t> peak);
  void SumUpTo(size_t end);
  // All blocks are looked at in a few of the ticks.
  void Scan(uint32_t tick);

  const uint64_t duration_ns_;
  const bool has_threads_;
  Handovers handovers_;
  BlockReplay blocks_;
  SiteSums sums_;
  LiveAges ages_;
  SharedLines shared_lines_;
  SizeSums sizes_;
  Batch<Change> changes_;
  std::vector<ChangeTick> ticks_;  // among changes_
  size_t summed_ = 0;              // of changes_
  uint32_t tick_ = 0;              // of the last event
};

}  // namespace perfagent
