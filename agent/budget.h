// budget.h: how densely blocks are sampled, and what the agent itself costs.
//
// INTERVAL=auto: first an exact state, in which every block is a sample, so that a short program is recorded exactly. It
// ends after kExactBlocks blocks, kExactNs for them, or a quarter of the file. Then the mean between samples is
// the one that keeps the measured time in slow paths at BUDGET's share of the process's CPU time, and not less than
// what keeps the file's growth under a curve that reaches MAX_SIZE in a year. What locks and waits cost does not depend on
// it: blocks have what they leave of the budget, and at least half of it. Another INTERVAL, and the control word
// interval_request, are that mean whatever they cost.
//
// Full mode records everything until its file is nearly full; a part is left for what comes then. Beside it, a sample of
// the blocks is drawn, with this mean, and kept in live_set: from that moment on the process goes on with these alone, as
// INTERVAL=auto does after its exact state, in what is left of the file.
//
// When the mean grows, what was sampled more densely is thinned (sampling.h): the change is published, then written into
// the dump (kThin), then carried out. A change that cannot be written is not carried out, and nothing is biased.
//
// Threads: any; what is due is claimed by compare-and-swap. No locks. Signals: under an AgentScope.
#pragma once

#include <cstdint>

namespace perfagent {
struct Stream;
}

namespace perfagent::budget {

inline constexpr uint64_t kExactBlocks = 16 << 10;
inline constexpr uint64_t kExactNs = 5000000;
// So few samples cost no time that could be measured, however fast a program allocates.
inline constexpr uint64_t kMostAutoInterval = 256 << 20;
// Of the frees of a full heap, a share of granule / interval meets a tracked neighbour in live_filter: 3 % at least mean.
inline constexpr uint64_t kLeastAutoInterval = 32 << 10;
// Where no cost was measured yet: forked children, and threads that only wait for the end of a pause.
inline constexpr uint64_t kUsualInterval = 512 << 10;

void Start();
// A forked child has a budget of its own, and goes on with its parent's mean; it is never in the exact state, because
// most children live shortly and there may be thousands.
void RestartInChild();
// Before that, and without a dump: the mean that it will go on with.
uint64_t IntervalInChild();

// Full mode, and the file is not nearly full: every event is recorded. It ends once, between two instructions of this
// thread if need be: an event is recorded as one answer says, given after its time was taken. REQUIRES: lifecycle::Enter.
bool RecordsAll();

// The mean in force, brought up to date first; 0: every block is a sample.
uint64_t Interval();
// The mean in force, as it stands.
uint64_t IntervalInForce();

// In the exact state: a block of `size` bytes was sampled.
void CountSample(uint64_t size);
// live_set is filling up.
void Crowded();

enum class Work : uint8_t { kHeap, kLocks };
// A slow path that began at `begin`, in clock ticks, with this answer of RecordsAll, is over. `stream` may be null.
void Charge(Work work, Stream* stream, uint64_t begin, bool records_all);
// The same of one that stands for itself and others: so many in all.
void ChargeFor(uint64_t stands_for, Work work, Stream* stream, uint64_t begin, bool records_all);

// At the process's end: reads its CPU time once more.
void Finish();

}  // namespace perfagent::budget
