// early_frees.h: which blocks are temporary, known when they begin: heaptrack tells so by the next line alone.
//
// heaptrack calls a block temporary when no line at all is between its allocation and its free; to this project those of
// other threads, and other frees, do not matter. So that both count the same, a temporary block is written as freed right
// where it began ("early"). What is live is then less than it was for a moment, which is no matter, but at the peak: blocks
// that began before the peak and ended after it are left where they are.
//
//   events       +A  +B  -b  -A         A is temporary: of one thread, with no other allocation of that thread between
//   heaptrack    +A  -A  +B  -b
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analyzer/export/block_kinds.h"
#include "analyzer/model/process.h"
#include "analyzer/replay/heap_changes.h"

namespace perfagent {

// Numbers blocks as they begin, and knows of each stream the last one: a temporary free is of that one.
class BeginNumbers {
 public:
  explicit BeginNumbers(size_t streams) : last_(streams, kNone) {}

  // To be called for each event before its changes are looked at. Blocks that a thinning may have dropped, or that do not
  // count, are no candidates.
  void OnEvent(std::span<const Change> changes);
  uint64_t Begin(StreamId stream) {
    last_[stream.value()] = are_dropped_ ? kNone : next_;
    return next_++;
  }
  std::optional<uint64_t> Last(StreamId stream) const {
    const uint64_t last = last_[stream.value()];
    return last == kNone ? std::nullopt : std::optional(last);
  }

 private:
  static constexpr uint64_t kNone = UINT64_MAX;

  std::vector<uint64_t> last_;  // by StreamId
  uint64_t next_ = 0;
  bool are_dropped_ = false;
};

// The first of two replays.
class EarlyFrees : public ChangeSink {
 public:
  // The view must outlive this.
  EarlyFrees(size_t streams, const EventView& view)
      : view_(view), begins_(streams), begun_at_(streams) {}

  void OnEvent(const HeapEvent& event, std::span<const Change> changes,
               std::span<const Site> sites) override;
  void OnEnd(std::span<const Change> changes, std::span<const Site> sites) override;

  // After the replay: is the block with that number written as freed where it begins?
  bool IsEarly(uint64_t number) const { return early_[number]; }
  // Temporary blocks that were live at the peak while other threads allocated: heaptrack does not see that they are.
  uint64_t left_in_place() const { return spanning_.size(); }
  // Of the blocks that began, in the order in which the first of each did.
  BlockKinds& kinds() { return kinds_; }

 private:
  const EventView& view_;
  BeginNumbers begins_;
  std::vector<uint64_t> begun_at_;  // by StreamId: the event of the last block
  std::vector<bool> early_;
  std::vector<uint64_t> spanning_;  // of the peak so far
  uint64_t event_ = 0;
  uint64_t peak_event_ = 0;
  double live_bytes_ = 0;
  double peak_bytes_ = 0;
  BlockKinds kinds_;
};

}  // namespace perfagent
