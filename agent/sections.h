// sections.h: the acquisitions that a thread follows to their release, and what it does meanwhile.
//
// Followed are one acquisition in so many, and those whose wait is kept. While a thread is in such a section, all that it
// allocates and every lock that it takes goes through the slow paths and is counted there. For that its countdowns are set
// aside and look ended; each slow path has the true ones while it runs, so that samples stay what they were.
//
// What is left to do about a wait for a lock is done after the thread's next release: not while the lock is held, and when
// who released it before has said with which stack.
//
// Threads: each its own, in its Stream. Signals: under an AgentScope. A handler's longjmp may leave a section open: it is
// closed by the next release of that lock, or given up when there is no room for another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/thread_state.h"
#include "perfagent/records.h"

namespace perfagent {

struct Stream;

namespace sections {

// Followed at once; of more the oldest is given up.
inline constexpr size_t kMost = 8;
// What is counted and written of one section at most; then its thread is left alone (kSectionCut).
inline constexpr uint32_t kMostEvents = 4096;
inline constexpr uint32_t kMostInside = 16;

struct Section {
  LockSectionRecord record;  // what is known of it
  uint64_t cpu_ns;           // the thread's CPU time at its begin; 0: not read
  uint32_t events;           // counted in it
  uint32_t inside;           // acquisitions written
};

// A wait that has ended, and is not done with.
struct EndedWait {
  LockWaitRecord record;
  bool is_kept;      // the record is to be written
  bool is_in_table;  // the lock looks waited for by this thread (wait_table.h)
};

// Of one thread; all zero is empty.
struct Open {
  size_t count;
  Section sections[kMost];  // the innermost last
  bool has_wait;
  EndedWait wait;
  bool is_aside;  // the thread's countdowns are these:
  uint64_t bytes_left;
  int64_t locks_left;
  uint64_t allocation_begin;
};

// The acquisition in `record` is followed from record.time on.
void Follow(Stream* stream, const LockSectionRecord& record, uint64_t cpu_ns);
// The section of `lock`, which the thread is in; null: it follows none.
Section* Of(Stream* stream, uint64_t lock);
Section* Innermost(Stream* stream);
// It has released the lock at `end`: writes what it did.
void Close(Stream* stream, uint64_t lock, uint64_t end);

// To be done with after the next release.
void PutOff(Stream* stream, const EndedWait& wait);
void FinishWait(Stream* stream);
// The thread is about to release `lock`: it is no longer one of those who wait for it.
void LeaveWaitTable(Stream* stream, const void* lock);

// In the sections that the thread is in, it has made `bytes`, in so many ticks; waited for so many ticks for another lock, or for
// something else.
void CountAllocation(Stream* stream, uint64_t bytes, uint64_t ticks);
void CountWait(Stream* stream, uint64_t lock, uint64_t ticks);
void CountIdle(Stream* stream, uint64_t ticks);

// Between slow paths the countdowns of a thread that follows something are aside.
void TakeBackCountdowns();
void SetCountdownsAside();

// The thread follows nothing any more: it ends, or was forked.
void Abandon(Stream* stream);

}  // namespace sections

}  // namespace perfagent
