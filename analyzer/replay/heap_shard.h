// heap_shard.h: the replay of some addresses' events.
//
// Threads: one at a time; what is said of the last window may be read by others while the next one is replayed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analyzer/replay/batch.h"
#include "analyzer/replay/block_replay.h"
#include "analyzer/replay/event_windows.h"
#include "analyzer/replay/live_scans.h"

namespace perfagent {

class HeapShard {
 public:
  // All must outlive this. Changes are split into so many parts, by site (site_part.h): a power of two.
  HeapShard(const Process& process, const EventView& view, const LockAddresses& locks,
            const ThreadTurns& turns, size_t parts);

  // The shard's events of the next window, and which ticks begin in it.
  void Replay(std::span<const HeapEvent> events, std::span<const TickBegin> ticks);
  // After the last window, in a window of its own.
  void Finish();
  // The window has ended.
  void TurnOver();

  // Of the window: each part's in time order.
  std::span<const Batch<Change>> changes() const { return changes_; }
  const Growth& growth() const { return blocks_.growth(); }
  // Of the last window.
  std::span<const Change> last_changes(size_t part) const { return last_changes_[part].span(); }

  const BlockReplay& blocks() const { return blocks_; }
  const Handovers& handovers() const { return handovers_; }
  const LiveAges& ages() const { return ages_; }
  const SharedLines& shared_lines() const { return shared_lines_; }

 private:
  // All blocks are looked at in a few of the ticks.
  void Scan(uint32_t tick);

  const uint64_t duration_ns_;
  const bool has_threads_;
  Handovers handovers_;
  BlockReplay blocks_;
  LiveAges ages_;
  SharedLines shared_lines_;
  std::vector<Batch<Change>> changes_;
  std::vector<Batch<Change>> last_changes_;
  uint32_t tick_ = 0;  // of the last event
};

}  // namespace perfagent
