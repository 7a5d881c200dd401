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

class SiteHistory {
 public:
  // A slot in which the site was called, or after which not as much is live as before.
  struct Change {
    uint32_t slot;
    uint32_t calls;  // in it
    double bytes;    // asked for by them
    double live_bytes;
  };

  // More calls in `slot`, the last one so far or a later one, after which `live_bytes` are live.
  void Note(size_t slot, uint64_t calls, double bytes, double live_bytes) {
    if (calls == 0 && live_bytes == LastLive()) return;
    if (changes_.empty() || changes_.back().slot != slot)
      changes_.push_back({static_cast<uint32_t>(slot), 0, 0, 0});
    Change& change = changes_.back();
    change.calls = Sum(change.calls, calls);
    change.bytes += bytes;
    change.live_bytes = live_bytes;
  }
  void Merge(SiteHistory other);

  bool IsEmpty() const { return changes_.empty(); }
  std::span<const Change> changes() const { return changes_; }
  double LiveAfter(size_t slot) const;
  // Each of kSlots.
  std::array<double, kSlots> calls() const;
  std::array<double, kSlots> bytes() const;
  std::array<double, kSlots> live_bytes() const;

 private:
  double LastLive() const { return changes_.empty() ? 0 : changes_.back().live_bytes; }
  static uint32_t Sum(uint64_t a, uint64_t b) {
    return static_cast<uint32_t>(std::min<uint64_t>(a + b, UINT32_MAX));
  }

  std::vector<Change> changes_;  // by slot
};

}  // namespace perfagent
