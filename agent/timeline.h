// timeline.h: how the process's memory grows, as the kernel counts it.
//
// Written from slow paths, at most every 100 ms, the more seldom the longer the process runs, and at its end. It takes three
// system calls; where they take long (a kernel under pressure), it is written so seldom that they take no more than a
// thousandth of the time.
//
// Threads: any; what is due is claimed by compare-and-swap. Signals: under an AgentScope.
#pragma once

#include <cstdint>

namespace perfagent {
struct Stream;
}

namespace perfagent::timeline {

// At `now_ns` since start. Returns how many clock ticks it took: 0 where it was not due.
uint64_t NoteIfDue(uint64_t now_ns, Stream* stream);
// In any case, but where no system call may be made.
void Note(Stream* stream);

// A forked child's memory is its own.
void RestartInChild();

}  // namespace perfagent::timeline
