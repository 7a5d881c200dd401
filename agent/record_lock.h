// record_lock.h: the slow paths of the locks: contended waits and sampled acquisitions.
//
// A contended wait is counted and summed exactly, per lock and caller, in the stream's lock table. In full mode every
// wait also leaves an event, and its stack is taken before the thread blocks: the lock is held anyway. In sampled mode
// an event is kept with probability 1 - exp(-wait / wait_interval_ticks), known only afterwards.
//
// Threads: any. Signals: safe; nothing is held while the thread blocks. errno is kept.
#pragma once

#include <cstdint>

#include "perfagent/dump_format.h"

namespace perfagent::lock {

struct Wait {
  uint64_t begin;  // in clock ticks; 0 = not recording
  uint64_t stack;
};

// The calling thread is about to block.
Wait BeginWait();
// It no longer does: the call returned `result`. `caller` is the return address into the guest.
void EndWait(LockApi api, const void* lock, uint64_t caller, const Wait& wait, int result);

// The thread's countdown of acquisitions ended, and this call took the lock.
void RecordAcquisition(LockApi api, const void* lock);

}  // namespace perfagent::lock
