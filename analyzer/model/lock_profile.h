// lock_profile.h: what the locks' events add up to.
//
// Of a kept wait each piece is somebody's: the one who held the lock until then is to blame for it, or it passed while the
// lock changed hands (hand-over), or nobody is known (unattributed). Of what is no lock (conditions, semaphores and the
// like) the same pieces say who woke the waiter.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "analyzer/model/estimate.h"
#include "analyzer/model/event_stacks.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/on_demand.h"
#include "analyzer/model/wait_history.h"
#include "analyzer/model/weighted_quantiles.h"
#include "perfagent/dump_format.h"

namespace perfagent {

inline bool IsRead(LockApi api) {
  return api >= LockApi::kRwlockRdlock && api <= LockApi::kRwlockClockrdlock;
}

// Comes back at once when the lock is held.
inline bool IsTry(LockApi api) {
  return api == LockApi::kMutexTrylock || api == LockApi::kMtxTrylock ||
         api == LockApi::kRwlockTryrdlock || api == LockApi::kRwlockTrywrlock ||
         api == LockApi::kSpinTrylock;
}

inline bool IsBroadcast(LockApi api) {
  return api == LockApi::kCondBroadcast || api == LockApi::kCndBroadcast;
}

// Threads hold it. Of a futex only its waiters' code can say so.
inline bool IsLock(LockKind kind) {
  return kind == LockKind::kMutex || kind == LockKind::kRwlock || kind == LockKind::kSpin;
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
// several locks were at one address, and not every wait was kept (and of threads, releases and tries, which no kept wait
// names).
struct Doubt {
  Waits fewer = {};
  Waits more = {};

  void Add(const Doubt& other) {
    fewer.Add(other.fewer.contended, other.fewer.wait_ns);
    more.Add(other.more.contended, other.more.wait_ns);
  }
};
// Of releases or tries.
struct CountDoubt {
  uint64_t fewer = 0;
  uint64_t more = 0;

  void Add(const CountDoubt& other) {
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
  LockApi api = {};
  uint64_t released = 0;
  CountDoubt doubt = {};
};

// Tries of one caller that found the lock held, exact in both modes but for the doubt.
struct LockPoller {
  uint64_t pc = 0;
  uint64_t refused = 0;
  CountDoubt doubt = {};
};

// Waits of one thread for one lock, exact in both modes but for the doubt.
struct LockThread {
  uint64_t tid = 0;
  Waits waits = {};
  Doubt doubt = {};
};

// Kept waits of one lock with one stack.
struct LockWaits {
  StackId stack;
  LockApi api = {};  // of the first one
  Tally waits = {};
  Tally wait_ns = {};
  WaitHistory history = {};  // of wait_ns; none of what is pooled
};

// How an rwlock is held; other locks are held in one way.
enum class Role : uint8_t { kNone, kReader, kWriter };

// What a waiter owes to the one who held the lock meanwhile, or to the one who woke it. A wait with several holders is in
// the number of each.
struct LockPair {
  StackId waiter;
  StackId holder;
  Role role = Role::kNone;  // the holder's
  Tally waits = {};
  Tally wait_ns = {};
  WaitHistory history = {};  // of wait_ns; none of what is pooled
};

// Kept waits as they are, without weights: blame, hand-over and unattributed are their sum, exactly.
struct KeptWaits {
  uint64_t waits = 0;
  uint64_t wait_ns = 0;
  uint64_t blame_ns = 0;
  uint64_t hand_over_ns = 0;
  uint64_t unattributed_ns = 0;

  void Merge(const KeptWaits& other) {
    waits += other.waits;
    wait_ns += other.wait_ns;
    blame_ns += other.blame_ns;
    hand_over_ns += other.hand_over_ns;
    unattributed_ns += other.unattributed_ns;
  }
};

// What of kept waits of an rwlock's readers, or of its writers, is due to whom.
struct WaitedFor {
  Tally waits = {};
  Tally for_readers_ns = {};
  Tally for_writers_ns = {};
  Tally readers_left = {};  // that gave the lock away during these waits
};
struct RwlockWaits {
  WaitedFor readers_waited = {};
  WaitedFor writers_waited = {};
};

// How long the lock was held, and what its holders did meanwhile: estimates from the followed acquisitions.
struct LockHolds {
  Tally sections = {};
  Tally hold_ns = {};
  WeightedQuantiles distribution = {};
  Tally running_ns = {};     // CPU time, of those sections where it is known
  Tally running_of_ns = {};  // these sections' hold time
  Tally allocations = {};
  Tally bytes = {};
  Tally allocator_ns = {};
  Tally nested_waits = {};  // for other locks
  Tally nested_wait_ns = {};
  Tally idle_ns = {};  // waits for no lock: conditions, semaphores, threads

  void Merge(const LockHolds& other);
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
  bool is_lock = false;    // its waits are contention; of a futex see futex_locks.h
  uint64_t contended = 0;  // waits that ended
  uint64_t wait_ns = 0;
  uint64_t longest_wait_ns = 0;     // among the kept ones where several locks were at the address
  Tally sampled_acquisitions = {};  // sampled mode only
  Waits readers = {};               // of an rwlock, among the above; the rest are writers'
  uint64_t released = 0;            // while others waited
  uint64_t refused = 0;             // tries that found it held
  // Of a condition: woken threads that waited for it again without having let go of the mutex.
  uint64_t futile_wakes = 0;
  CountDoubt futile_doubt = {};
  std::vector<LockCaller> callers = {};      // by wait time, greatest first
  std::vector<LockReleaser> releasers = {};  // by number, greatest first
  std::vector<LockPoller> pollers = {};      // by number, greatest first
  std::vector<LockThread> threads = {};      // by wait time, greatest first
  KeptWaits kept = {};
  std::vector<LockWaits> waits = {};         // of the kept ones, by wait time, greatest first
  std::vector<LockPair> pairs = {};          // likewise
  WeightedQuantiles wait_distribution = {};  // likewise
  Tally cuts = {};                           // releases during the kept waits
  Tally hand_over_ns = {};
  Tally unattributed_ns = {};
  Tally reacquire_ns = {};  // of a condition: from the first signal to the end of the wait
  StackId first_wait = {};  // kNoStack when none was kept
  OnDemand<LockHolds> holds = {};
  OnDemand<RwlockWaits> rwlock = {};
  Waits at_address = {};  // of a view: all waits of this kind at the address
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
inline CountDoubt ReleaseDoubtOf(const Lock& lock) {
  CountDoubt doubt;
  for (const LockReleaser& releaser : lock.releasers) doubt.Add(releaser.doubt);
  return doubt;
}
inline CountDoubt RefusalDoubtOf(const Lock& lock) {
  CountDoubt doubt;
  for (const LockPoller& poller : lock.pollers) doubt.Add(poller.doubt);
  return doubt;
}

// Of a condition: broadcasts while threads waited for it. The rest of `released` are signals.
inline uint64_t BroadcastsOf(const Lock& lock) {
  uint64_t broadcasts = 0;
  for (const LockReleaser& releaser : lock.releasers) {
    if (IsBroadcast(releaser.api)) broadcasts += releaser.released;
  }
  return broadcasts;
}

// A wait that had not ended when the dump did.
struct UnendedWait {
  LockId lock;
  LockApi api = {};
  uint64_t begin_ns = 0;
  uint64_t tid = 0;
  uint64_t owner_tid = 0;  // who held the lock when the wait began; 0: not known
  uint64_t caller = 0;     // return address
  StackId stack = {};
};

// That `then` was taken while `lock` was held.
struct LockOrder {
  uint64_t lock = 0;  // addresses
  uint64_t then = 0;
  StackId stack = {};  // where it was seen first
  uint64_t count = 0;
};

struct LockProfile {
  std::deque<Lock> locks;  // indexed by LockId; no vector, which would copy each when it grows
  // Of locks alone, without conditions and the like.
  uint64_t contended = 0;
  uint64_t wait_ns = 0;
  Doubt doubt;  // in these two; none but in a view (event_view.h) of a sampled recording
  Tally hand_over_ns;
  Tally unattributed_ns;
  Tally acquisitions;  // none in a view
  // Of a view: all waits for what is a lock by its kind.
  std::optional<Waits> tables;
  std::vector<UnendedWait> unended;  // by their beginning
  // Indices in `unended`: each waits for what the next one's thread holds, and the last for the first's.
  std::vector<std::vector<size_t>> deadlocks;
  // Each begins with the lock that the one before ends with, and the first with the last one's.
  std::vector<std::vector<LockOrder>> order_cycles;
  uint64_t undefined_stacks = 0;
  EventStacks stacks;  // of kept waits

  // Adds up what is said of all locks.
  void SumLocks();
  // Of a view: what there is without it. REQUIRES: tables.
  Waits Whole() const;
};

}  // namespace perfagent
