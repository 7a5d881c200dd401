// sandbox.h: has the program put a seccomp filter on itself?
//
// From then on a system call that the filter's author did not expect may end the process. The agent
// makes none but madvise, and that one only when the filter itself, run on it here, says that it is
// allowed. A filter that was there before exec (a container's, a service manager's) does not count: it
// let the loader and the agent's start pass.
//
// What the program does with its own syscall instruction, past prctl and syscall(), is not seen.
//
// Threads: any. A filter of one thread counts for all. Signals: safe. Fork: inherited, as filters are.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>

namespace perfagent::sandbox {

// Is the program under a filter of its own?
bool Entered();

// May the agent call madvise?
bool MayAdvise();

// May it read the clock? Strict mode and prctl(PR_SET_TSC) turn the time stamp counter off, and the vDSO then faults.
bool MayReadClock();

// What is allowed from now on.
enum Rights : uint32_t { kFree, kAdvice, kNoCalls, kNoClock };

// kAdvice when a filter allows the agent's uses of madvise, whatever their addresses; else kNoCalls. Runs the filter; one
// that cannot be run allows nothing. Reads only the instructions.
Rights RightsUnder(const sock_fprog& filter);

// Before the program asks the kernel for a filter; of several the strictest counts. Returns what was before, for Undo when
// the kernel refuses.
Rights Enter(Rights rights);
void Undo(Rights before);

}  // namespace perfagent::sandbox
