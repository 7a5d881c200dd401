// record_heap.h: the slow paths of the heap: what malloc_hooks hands over when a countdown ended or a filter matched.
//
// Order: a free is recorded before the real free and an allocation after the real allocation, so that the events of one
// address alternate although another thread may get the block at once. realloc claims the old block before the real
// call and gives it back if that fails.
//
// `hook` is the frame that the guest called: its caller is where the event happened.
//
// Threads: any. Signals: safe; each function enters the agent itself, and counts the event when it cannot. errno is kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/clock.h"
#include "agent/hook_frame.h"
#include "agent/stream.h"
#include "agent/thread_state.h"
#include "perfagent/dump_format.h"

namespace perfagent::heap {

// A real call in progress that somebody may want to know the duration of.
struct Timing {
  uint64_t begin = 0;       // in clock ticks; 0: nobody does
  bool is_sampled = false;  // it is one of those of which the dump has it
  size_t usable = 0;        // of a block that is freed
};

// Before a real call that allocates.
inline Timing BeginAllocation();
// `block` of `size` requested bytes was returned by the real call, not null. Decides whether it is sampled.
void RecordAlloc(HeapApi api, const void* block, size_t size, HookFrame hook, const Timing& timing);

// `block` is about to be freed. What it returns is for EndFree, where it has begun.
Timing RecordFree(HeapApi api, const void* block, HookFrame hook);
// The real call came back.
void EndFree(HeapApi api, const Timing& timing, HookFrame hook);

// A realloc in progress.
struct ReallocClaim {
  uint64_t time;  // in clock ticks; 0 = not recording
  bool tracked;   // the old block was, and now is not
  uint32_t limit;
};
ReallocClaim ClaimForRealloc(const void* old_block);
// The real call returned null and the old block lives on.
void RestoreAfterRealloc(const ReallocClaim& claim, const void* old_block);
// `old_block` (may be null) became `new_block`; a null new_block means that it was freed.
void RecordRealloc(HeapApi api, const ReallocClaim& claim, const void* old_block,
                   const void* new_block, size_t size, HookFrame hook);

// One recorded call in so many is timed: reading the clock is a good part of an event, and of what a sample takes in the
// file. Odd: allocations and frees often take turns.
inline uint32_t TimedRun(uint64_t interval_bytes) { return interval_bytes == 0 ? 61 : 7; }

// Is it this call's turn?
inline bool IsTimedTurn(Stream* stream, uint64_t interval_bytes) {
  if (stream == nullptr || ++stream->untimed_calls < TimedRun(interval_bytes)) return false;
  stream->untimed_calls = 0;
  return true;
}

inline Timing BeginAllocation() {
  const ThreadState& t = thread_state;
  const bool is_sampled = IsTimedTurn(t.stream, t.interval_bytes);
  if (!is_sampled && t.watch == 0) [[likely]]
    return {};
  return {clock::Now(), is_sampled};
}

}  // namespace perfagent::heap
