// site_history.h: how a site's calls and live bytes went over the recording, slot by slot.
//
// The recording is cut in kTicks equal ticks, and these are put together to kSlots slots:
//
//   time     0 |------|------|------| ... |------| duration
//   slot            0      1      2            31
//   live[i]         ^      ^      ^             ^         after slot i
//
// Most sites are called in a few slots only, and there may be a million: only what changes is kept.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace perfagent {

inline constexpr size_t kTicks = 512;
inline constexpr size_t kSlots = 32;
inline constexpr size_t kTicksPerSlot = kTicks / kSlots;
// What happens from here on is the program's end: servers free at exit what they never freed before.
inline constexpr size_t kFirstSlotOfEnd = kSlots - 1;
// What is live from before here is the program's beginning: tables, pools, the first of everything.
inline constexpr size_t kStartSlots = 3;

// As wide as the ticks, put together.
constexpr uint64_t SlotWidthNs(uint64_t duration_ns) {
  return (duration_ns / kTicks + 1) * kTicksPerSlot;
}
// What is later than all of them is of the last one.
constexpr size_t SlotAt(uint64_t time_ns, uint64_t duration_ns) {
  return std::min<uint64_t>(time_ns / SlotWidthNs(duration_ns), kSlots - 1);
}

class SiteHistory {
 public:
  // A slot in which the site was called, or after which not as much is live as before.
  struct Change {
    uint32_t slot = 0;
    uint32_t calls = 0;      // in it
    uint32_t temporary = 0;  // temporary blocks that were freed in it
    float variance = 0;      // of the bytes, where they are an estimate
    double bytes = 0;        // asked for by the calls
    double live_bytes = 0;
    double leaked_bytes = 0;  // of blocks that were made in it, and are live at the end
  };

  struct Calls {
    uint64_t calls = 0;
    uint64_t temporary = 0;
    double bytes = 0;
    double variance = 0;  // of the bytes
  };

  // More calls in `slot`, the last one so far or a later one, after which `live_bytes` are live.
  void Note(size_t slot, const Calls& more, double live_bytes) {
    if (more.calls == 0 && more.temporary == 0 && live_bytes == LastLive()) return;
    if (changes_.empty() || changes_.back().slot != slot)
      changes_.push_back({.slot = static_cast<uint32_t>(slot)});
    Change& change = changes_.back();
    change.calls = Sum(change.calls, more.calls);
    change.temporary = Sum(change.temporary, more.temporary);
    change.bytes += more.bytes;
    change.variance += static_cast<float>(more.variance);
    change.live_bytes = live_bytes;
  }
  // After all that: a block of so many bytes that was made in `slot` is live at the end.
  void NoteLeak(size_t slot, double bytes);
  // They are none after all.
  void ForgetLeaks();
  void Merge(SiteHistory other);

  bool IsEmpty() const { return changes_.empty(); }
  std::span<const Change> changes() const { return changes_; }
  double LiveAfter(size_t slot) const;
  // Each of kSlots.
  std::array<double, kSlots> calls() const { return Each(&Change::calls); }
  std::array<double, kSlots> temporary() const { return Each(&Change::temporary); }
  std::array<double, kSlots> bytes() const { return Each(&Change::bytes); }
  std::array<double, kSlots> variance() const { return Each(&Change::variance); }
  std::array<double, kSlots> leaked_bytes() const { return Each(&Change::leaked_bytes); }
  std::array<double, kSlots> live_bytes() const;

 private:
  template <typename Number>
  std::array<double, kSlots> Each(Number Change::*number) const {
    std::array<double, kSlots> numbers = {};
    for (const Change& change : changes_) numbers[change.slot] = change.*number;
    return numbers;
  }
  double LastLive() const { return changes_.empty() ? 0 : changes_.back().live_bytes; }
  static uint32_t Sum(uint64_t a, uint64_t b) {
    return static_cast<uint32_t>(std::min<uint64_t>(a + b, UINT32_MAX));
  }

  std::vector<Change> changes_;  // by slot
};

}  // namespace perfagent
