// record_lock.h: the slow paths of the locks: contended waits and sampled acquisitions.
//
// A contended wait is counted and summed exactly, per lock and caller, in the stream's lock table. In full mode every
// wait also leaves an event, and its stack is taken before the thread blocks: the lock is held anyway. In sampled mode
// an event is kept with probability 1 - exp(-wait / wait_interval_ticks), known only afterwards.
//
// A release while others wait is counted exactly, too, per lock and caller: decided before it, recorded after it.
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

// `return_address` into the function of the guest that called the hook, as the dump has it.
inline uint64_t Caller(void* return_address) { return reinterpret_cast<uint64_t>(return_address); }

// The calling thread is about to block: from here on the lock is in the wait table, if the process records.
Wait BeginWait(const void* lock);
// It no longer does: the call returned `result`.
void EndWait(LockApi api, const void* lock, uint64_t caller, const Wait& wait, int result);

// Does somebody wait for this lock, which the calling thread is about to release?
bool IsAwaited(const void* lock);
// It has released it. The lock may be gone.
void RecordRelease(LockApi api, const void* lock, uint64_t caller);

// The thread's countdown of acquisitions ended, and this call took the lock.
void RecordAcquisition(LockApi api, const void* lock);

}  // namespace perfagent::lock
