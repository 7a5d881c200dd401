// readings.h: what the dump gets as time goes by: readings of the clocks, and of how large the process has been.
//
// Whoever writes a record at a time when one is due claims it, and writes it behind that record. One that then does not
// write it (stopped, left by longjmp) leaves the next to others.
//
// Threads: Start from one, before the dump is anybody's; everything else from any. Signals: safe. No locks.
#pragma once

#include <atomic>
#include <cstdint>

namespace perfagent::readings {

// When one of any sort is due, in clock ticks; rather too early than too late.
extern std::atomic<uint64_t> next;

// Of a new dump. REQUIRES: clock::Calibrate.
void Start();

inline bool AreDue(uint64_t time) { return time >= next.load(std::memory_order_relaxed); }

// Those that are due and that nobody else has claimed.
struct Due {
  bool clock;
  bool memory;
};
Due Claim(uint64_t now);

}  // namespace perfagent::readings
