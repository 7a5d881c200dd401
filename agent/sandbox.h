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

// Does a filter allow madvise? Runs it; one that cannot be run does not. Reads only the instructions.
bool AllowsMadvise(const sock_fprog& filter);

// Before the program asks the kernel for a filter. Undo when the kernel refuses.
struct Before {
  uint32_t state;
};
Before Enter(bool may_advise);
void Undo(Before before);

}  // namespace perfagent::sandbox
