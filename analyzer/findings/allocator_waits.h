// allocator_waits.h: do threads wait for one another inside the allocator?
//
//   its locks are seen      jemalloc's, and of others that lock through libc: the caller is in the allocator's object
//   they are not            glibc's: then timed calls tell. A free only puts its block into a list; where one in a hundred
//                           takes tens of microseconds, it waited for the thread that had the list's lock. (Of a block that
//                           was mapped on its own it calls the kernel: of such blocks nothing is said.)
#pragma once

#include <vector>

#include "analyzer/findings/slow_calls.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// One of the allocator's own. Never where that is a part of the program itself, whose locks are in the same object.
bool IsOfAllocator(const NamedProfile& named, const Lock& lock);

// Those that are waited for, or were tried in vain; greatest first.
std::vector<const Lock*> AllocatorLocks(const NamedProfile& named);

// Its calls are slow if threads wait: blocks of such sizes come from what all share.
bool MayBeWaits(const SlowCalls& slow);

// Where the allocator has no locks that are seen, and threads wait for one another: what is slow therefore, frees and
// allocations alike.
std::vector<SlowCalls> WaitingCalls(const NamedProfile& named);

}  // namespace perfagent
