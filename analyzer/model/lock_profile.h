// lock_profile.h: what the locks' events add up to.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/model/estimate.h"
#include "analyzer/model/event_stacks.h"
#include "analyzer/model/ids.h"
#include "perfagent/dump_format.h"

namespace perfagent {

inline bool IsRead(LockApi api) {
  return api >= LockApi::kRwlockRdlock && api <= LockApi::kRwlockClockrdlock;
}

struct Waits {
  uint64_t contended = 0;  // waits that ended
  uint64_t wait_ns = 0;

  void Add(uint64_t more, uint64_t more_ns) {
    contended += more;
    wait_ns += more_ns;
  }
};

// Waits of one lock by one function from one caller, exact in both modes.
struct LockCaller {
  uint64_t pc = 0;  // return address into the function that called the lock function
  LockApi api = {};
  uint64_t contended = 0;
  uint64_t wait_ns = 0;
};

// Releases of one lock from one caller while others waited for it, exact in both modes.
struct LockReleaser {
  uint64_t pc = 0;
  uint64_t released = 0;
};

// Kept waits of one lock with one stack.
struct LockWaits {
  StackId stack;
  Tally waits = {};
  Tally wait_ns = {};
};

// Of one kind: a mutex and an rwlock that were at one address are two.
struct Lock {
  uint64_t address = 0;
  LockKind kind = LockKind::kMutex;
  uint64_t contended = 0;  // waits that ended
  uint64_t wait_ns = 0;
  uint64_t longest_wait_ns = 0;              // among the kept ones
  Tally sampled_acquisitions = {};           // sampled mode only
  Waits readers = {};                        // of an rwlock, among the above; the rest are writers'
  uint64_t released = 0;                     // while others waited
  std::vector<LockCaller> callers = {};      // by wait time, greatest first
  std::vector<LockReleaser> releasers = {};  // by number, greatest first
  std::vector<LockWaits> waits = {};         // by wait time, greatest first
  StackId first_wait = {};                   // kNoStack when none was kept
};

inline Waits WritersOf(const Lock& lock) {
  return {lock.contended - lock.readers.contended, lock.wait_ns - lock.readers.wait_ns};
}

struct LockProfile {
  std::vector<Lock> locks;  // indexed by LockId
  uint64_t contended = 0;
  uint64_t wait_ns = 0;
  Tally acquisitions;
  uint64_t undefined_stacks = 0;
  EventStacks stacks;  // of kept waits
};

}  // namespace perfagent
