// lock_profile.h: what the locks' events add up to.
#pragma once

#include <cstdint>
#include <optional>
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

// How much fewer and how much more there may be than is said. Tables count exactly, but by address: there is doubt where
// several locks were at one address, and not every wait was kept.
struct Doubt {
  Waits fewer = {};
  Waits more = {};

  void Add(const Doubt& other) {
    fewer.Add(other.fewer.contended, other.fewer.wait_ns);
    more.Add(other.more.contended, other.more.wait_ns);
  }
};
struct ReleaseDoubt {
  uint64_t fewer = 0;
  uint64_t more = 0;

  void Add(const ReleaseDoubt& other) {
    fewer += other.fewer;
    more += other.more;
  }
};

// Waits of one lock by one function from one caller, exact in both modes but for the doubt.
struct LockCaller {
  uint64_t pc = 0;  // return address into the function that called the lock function
  LockApi api = {};
  uint64_t contended = 0;
  uint64_t wait_ns = 0;
  Doubt doubt = {};
};

// Releases of one lock from one caller while others waited for it, exact in both modes but for the doubt.
struct LockReleaser {
  uint64_t pc = 0;
  uint64_t released = 0;
  ReleaseDoubt doubt = {};
};

// Kept waits of one lock with one stack.
struct LockWaits {
  StackId stack;
  Tally waits = {};
  Tally wait_ns = {};
};

// The heap block that a lock is in.
struct LockAllocation {
  StackId stack;        // who allocated it
  uint64_t offset = 0;  // of the lock in the block
  uint64_t size = 0;    // of the block
  // Was it known to be live to the last? Where sampling dropped it, it may have been freed, and the last waits may be of
  // another block's lock.
  bool is_followed = true;
};

// Of one kind: a mutex and an rwlock that were at one address are two. So are two locks that were at one address one after
// the other, in different blocks.
struct Lock {
  uint64_t address = 0;
  LockKind kind = LockKind::kMutex;
  // Counts the recorded blocks that the address was in; 0: none, or it is not known in which.
  uint32_t generation = 0;
  std::optional<LockAllocation> allocation = {};
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

// In its waits, or those of readers or writers.
enum class Waiters { kAll, kReaders, kWriters };
inline Doubt DoubtOf(const Lock& lock, Waiters waiters = Waiters::kAll) {
  Doubt doubt;
  for (const LockCaller& caller : lock.callers) {
    if (waiters == Waiters::kAll || IsRead(caller.api) == (waiters == Waiters::kReaders))
      doubt.Add(caller.doubt);
  }
  return doubt;
}
inline ReleaseDoubt ReleaseDoubtOf(const Lock& lock) {
  ReleaseDoubt doubt;
  for (const LockReleaser& releaser : lock.releasers) doubt.Add(releaser.doubt);
  return doubt;
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
