// tickets.h: who gave a lock away while others waited for it.
//
// Whoever releases a lock that is waited for leaves a ticket before: which lock, when, which stream, and how it was held. What its stack is it
// finds out after the release, and adds. Whoever has waited collects the tickets of that time when its wait is kept: these
// cut the wait. A ticket whose stack is still being taken is asked for: then its owner writes it into its own stream.
//
// A ring of tickets per hash of the lock's address: the last kTicketsPerRing releases are known. That is enough for waits that
// are not starved; of longer ones the earlier part is said to be lost.
//
// Threads: any. No locks; a ticket is claimed by an atomic add and says by its number which turn of the ring it is of. A thread
//          that is stopped while it writes one, for a whole turn of its ring, costs the ticket that would come there:
//          whoever collects sees the gap, and knows nothing of what was before it.
// Signals: safe. Fork: wiped by the kernel (MADV_WIPEONFORK).
#pragma once

#include <cstddef>
#include <cstdint>

#include "perfagent/records.h"

namespace perfagent::tickets {

inline constexpr size_t kRings = 512;
inline constexpr size_t kTicketsPerRing = 256;
static_assert(kTicketsPerRing <= kMaxWaitCuts);

struct Ticket {
  uint64_t number = 0;  // 0: none
  uint32_t ring = 0;
  uint64_t time = 0;  // in clock ticks
};

// Streams have lower numbers: a release by a thread that could say no more.
inline constexpr uint32_t kNoStream = UINT32_MAX;

// Before the release, with flags of its cuts.
Ticket Leave(const void* lock, uint32_t stream, uint64_t flags = 0);
// After it. True: somebody has asked for the stack meanwhile. `stack` 0: it is not known.
bool Explain(const Ticket& ticket, uint64_t stack);
// It was no release after all.
void Withdraw(const Ticket& ticket);

struct Cuts {
  size_t count;
  bool lost;  // there may have been earlier ones
};
// The releases of `lock` from `begin` to `end`, in order, into `cuts`, which has room for kTicketsPerRing.
Cuts Collect(const void* lock, uint64_t begin, uint64_t end, WaitCut* cuts);

// False when the kernel cannot wipe the rings in forked children.
bool Start();

}  // namespace perfagent::tickets
