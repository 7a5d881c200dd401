// process.h: what is known of the guest process, gathered at start.
//
// Threads: Gather… from one thread; everything else from any. Signals: safe.
#pragma once

#include <cstdint>

namespace perfagent::process {

// At first (growing_mean.h): sampled mode keeps one contended wait in a millisecond of waiting, and both modes follow every
// acquisition.
inline constexpr uint64_t kWaitIntervalNs = 1000000;
inline constexpr uint64_t kAcquireInterval = 1;

struct Facts {
  uint32_t pid;
  uint32_t parent_pid;
  uint64_t start_ticks;  // field 22 of /proc/self/stat
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

// The calling thread's id, as the kernel numbers it.
uint32_t ThreadId();

// Has an ancestor of this process a dump? Then this one is a child for CHILDREN=ignore.
bool AncestorIsRecorded();

}  // namespace perfagent::process
