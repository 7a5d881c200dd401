// window_locks.h: a window's lock events, and what became meanwhile of blocks that hold locks.
//
// The first are known when a window is merged, the second when its shards have been replayed; both together say which
// lock an event is about.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/replay/heap_events.h"
#include "analyzer/replay/lock_replay.h"

namespace perfagent {

struct LockMoment {
  uint32_t order;   // so many heap events of the window come before it
  uint32_t stream;  // its number in the dump
  LockEvent event;
};

struct WindowLocks {
  std::vector<LockMoment> events;
  std::vector<LockBlockChange> changes;

  // Hands all to `locks` in their order; they are used up.
  void Replay(LockReplay* locks);
};

}  // namespace perfagent
