// lock_findings.h: the rules about locks, one file each.
//
// A rule adds a finding for each lock that its evidence convicts, the worst first.
#pragma once

#include "analyzer/findings/finding.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Threads that wait for one another at the end.
void FindDeadlocked(const NamedProfile& named, Findings* findings);
// Orders that can deadlock.
void FindLockOrders(const NamedProfile& named, Findings* findings);
// Threads wait much for it.
void FindHotLocks(const NamedProfile& named, Findings* findings);
// Held for a moment, and handed from waiter to waiter.
void FindConvoys(const NamedProfile& named, Findings* findings);
// Writers wait for readers.
void FindWaitingWriters(const NamedProfile& named, Findings* findings);
// Broadcasts that wake threads for nothing.
void FindThunderingHerds(const NamedProfile& named, Findings* findings);
// The allocator is called while it is held.
void FindAllocationsUnderLocks(const NamedProfile& named, Findings* findings);
// Tried again and again.
void FindPolling(const NamedProfile& named, Findings* findings);
// Two of them in one cache line.
void FindFalseSharing(const NamedProfile& named, Findings* findings);

// All of these.
Findings FindLockProblems(const NamedProfile& named);

// KnownLocks, but for the allocator's own, of which allocator_contention.cc speaks.
std::vector<const Lock*> LocksOfProgram(const NamedProfile& named);
// Those of them that are waited for so long that it matters, greatest first.
std::vector<const Lock*> SlowLocks(const NamedProfile& named, double least_share);
// What was waited for it, as a part of the process's time: all threads' waits added up.
double WaitShare(const NamedProfile& named, const Lock& lock);
// Waits for it, or its writers' alone: exact, but for the doubt.
Estimate WaitNs(const Lock& lock, Waiters waiters = Waiters::kAll);
// A finding that accuses this lock; what is at stake is the waiting for it.
Finding Accuse(const NamedProfile& named, const Lock& lock, const char* kind);

}  // namespace perfagent
