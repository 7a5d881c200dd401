// clock.h: the agent's clock: the processor's time stamp counter where it is steady, else CLOCK_MONOTONIC.
//
// Times are ticks since Start and are stored as they come; what a tick is worth is the analyzer's affair, who has readings
// of both clocks (Started, Calibrated, and those in the dump). A plain rdtsc costs half of what clock_gettime does.
// It is not fenced: counters of two processors, and one thread's before and after a move between them, may disagree by some
// ticks, so differences are taken by Since.
//
// Threads: Start and Calibrate from one, before any other call; everything else from any. Signals: safe. No system call, but
//          for Calibrate in the first process, and where the kernel's clock source is one that the vDSO cannot read.
#pragma once

#include <time.h>

#include <cstdint>

#include "agent/sandbox.h"

namespace perfagent::clock {

// The clocks at one instant.
struct Reading {
  uint64_t ticks;
  uint64_t monotonic_ns;
  uint64_t realtime_ns;
};

// What follows is read by the functions below and written by Start and Calibrate.
struct Source {
  bool uses_tsc;
  uint64_t start;  // the counter's own value then
  double ticks_per_ns;
};
extern Source source;

inline uint64_t ReadNs(clockid_t which) {
  timespec now;
  clock_gettime(which, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// Time zero is now. In a forked child, the parent's choice of clock stays.
void Start();
void StartInChild();
// Decides for a clock and measures how fast it ran since Start; takes up to 0.1 ms more where that was just now.
void Calibrate();

// Their readings, with the counter's own value for ticks.
Reading Started();
Reading Calibrated();
inline bool UsesTsc() { return source.uses_tsc; }

// Where the clock may no longer be read: the time of the last Freeze.
uint64_t Frozen();
void Freeze();

inline uint64_t Now() {
  if (!sandbox::MayReadClock()) [[unlikely]]
    return Frozen();
  const uint64_t counter = source.uses_tsc ? __builtin_ia32_rdtsc() : ReadNs(CLOCK_MONOTONIC);
  return counter > source.start ? counter - source.start : 0;
}

inline uint64_t Since(uint64_t begin) {
  const uint64_t now = Now();
  return now > begin ? now - begin : 0;
}

// For the agent's own intervals: as exact as Calibrate, some parts in 10,000.
inline uint64_t TicksOf(uint64_t ns) {
  return static_cast<uint64_t>(static_cast<double>(ns) * source.ticks_per_ns);
}
inline uint64_t NsOf(uint64_t ticks) {
  return static_cast<uint64_t>(static_cast<double>(ticks) / source.ticks_per_ns);
}

// REQUIRES: sandbox::MayReadClock().
Reading Read();

}  // namespace perfagent::clock
