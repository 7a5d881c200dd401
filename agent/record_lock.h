// record_lock.h: the slow paths of the locks: contended waits, awaited releases, followed acquisitions.
//
// A contended wait is counted and summed exactly, per lock, thread and caller, in the stream's lock table. Its event is
// kept with probability 1 - exp(-wait / T): every one in full mode, else with a T of 1 ms at first that grows with the
// time waited in all. Its stack is taken before the thread blocks: the lock is held anyway. While it lasts it is in the
// dump, with the lock's owner.
//
// A release while others wait is counted exactly, too. Whether somebody waits is decided before it, and a ticket left
// (tickets.h); stack and counts come after it, when the lock is held no more.
//
// Threads: any. Signals: safe; nothing is held while the thread blocks. errno is kept.
#pragma once

#include <cstdint>

#include "agent/hook_frame.h"
#include "agent/thread_state.h"
#include "agent/tickets.h"
#include "perfagent/dump_format.h"

namespace perfagent::lock {

// One call of a lock function by the guest.
struct Call {
  LockApi api;
  const void* lock;
  HookFrame hook;

  uint64_t address() const { return reinterpret_cast<uintptr_t>(lock); }
  // The return address into the function of the guest that made it, as the dump has it.
  uint64_t caller() const { return hook.Caller().pc; }
};

struct Wait {
  uint64_t begin = 0;  // in clock ticks; 0: not recording
  uint64_t stack = 0;
  OngoingWait* ongoing = nullptr;
};

// The calling thread is about to block for a lock that `owner` holds (a thread id; 0: not known). From here on the lock is
// in the wait table, if the process records.
Wait BeginWait(const Call& call, uint64_t owner);
// It no longer does: the call returned `result`, an error number or 0.
void EndWait(const Call& call, const Wait& wait, int result);

struct Release {
  tickets::Ticket ticket;  // number 0: nobody waits
  bool is_followed = false;
  uint64_t time = 0;
};

// The calling thread is about to give the lock away; `held_by` are flags of the cuts that this makes.
Release BeginRelease(const void* lock, uint64_t held_by = 0);
// The call returned `result`. The lock may be gone.
void EndRelease(const Call& call, const Release& release, int result);

struct Acquisition {
  bool is_counted = false;   // in the segment, by number
  bool is_followed = false;  // its release is waited for
  uint64_t interval = 0;     // acquisitions that it stands for, where it is
  uint64_t stack = 0;
  uint64_t cpu_ns = 0;
};

// The thread's countdown of acquisitions ended, and this call is to take the lock.
Acquisition BeginAcquisition(const Call& call);
// It holds the lock, and `has_waited` for it.
void EndAcquisition(const Call& call, const Acquisition& acquisition, bool has_waited);

// A forked child begins anew with what is sampled.
void RestartInChild();

// A try that found the lock held.
void RecordRefusedTry(const Call& call);

}  // namespace perfagent::lock
