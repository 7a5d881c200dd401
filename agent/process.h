// process.h: what is known of the guest process, gathered at start, and the clock.
//
// Threads: Gather… from one thread; everything else from any. Signals: safe.
#pragma once

#include <time.h>

#include <cstdint>

#include "agent/sandbox.h"

namespace perfagent::process {

// Sampled mode: one contended wait in a millisecond of waiting keeps its stack, because the walk happens while the lock
// is held; one acquisition in 2^14 does.
inline constexpr uint64_t kWaitIntervalNs = 1000000;
inline constexpr uint64_t kAcquireInterval = 1 << 14;

struct Facts {
  uint32_t pid;
  uint32_t parent_pid;
  uint64_t start_ticks;  // field 22 of /proc/self/stat
  uint64_t start_monotonic_ns;
  uint64_t start_realtime_ns;
  uint64_t seed;
  char executable[1024];
  const char* program;  // file name of the executable
  char command_line[2048];
  char host[65];
  char working_directory[1024];
  const char* allocator;    // the object whose malloc serves the program
  const char* bypassed_by;  // the object whose malloc comes before the agent's; empty: none
};

void Gather();
// In a forked child: what is its own. The program, its arguments and the directory it was started in stay; the child may
// have lost sight of them (chroot).
void GatherInChild();
// Which object's malloc serves the program; calls it once.
void GatherAllocator();
const Facts& Current();

inline uint64_t ClockNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// Nanoseconds of CLOCK_MONOTONIC since Gather. Where the clock may no longer be read, those of the last FreezeClock.
uint64_t FrozenNs();
inline uint64_t NowNs() {
  if (!sandbox::MayReadClock()) [[unlikely]]
    return FrozenNs();
  return ClockNs(CLOCK_MONOTONIC) - Current().start_monotonic_ns;
}
void FreezeClock();

// The calling thread's id, as the kernel numbers it.
uint32_t ThreadId();

// Has an ancestor of this process a dump? Then this one is a child for CHILDREN=ignore.
bool AncestorIsRecorded();

}  // namespace perfagent::process
