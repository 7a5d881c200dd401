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
#include "agent/thread_state.h"
#include "perfagent/dump_format.h"

namespace perfagent::heap {

// Before a real call that allocates: the time, where somebody wants to know how long it takes (sections.h); else 0.
inline uint64_t BeginAllocation() { return thread_state.watch != 0 ? clock::Now() : 0; }
// `block` of `size` requested bytes was returned by the real call, not null. Decides whether it is sampled.
void RecordAlloc(HeapApi api, const void* block, size_t size, HookFrame hook, uint64_t begin);

// `block` is about to be freed.
void RecordFree(HeapApi api, const void* block, HookFrame hook);

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

}  // namespace perfagent::heap
