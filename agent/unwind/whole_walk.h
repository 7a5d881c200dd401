// whole_walk.h: the call stack by .eh_frame as it stands: every register, every kind of rule.
//
// For what rule_walk cannot express: signal frames, realigned stacks, PLT entries, frames found through other registers.
// Interprets the unwind program of each frame anew, about a microsecond each. libunwind is its oracle (tests/agent/
// walk_test.cc) and not its engine: libunwind 1.6 opens a pipe that the guest's descriptors then lack, takes a pool's lock
// with signals blocked, and maps memory.
//
// Threads: any; no lock, no allocation. Signals: under an AgentScope.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/unwind/workspace.h"

namespace perfagent::whole_walk {

struct Registers {
  uint64_t rip, rsp, rbp, rbx, r12, r13, r14, r15;
};

// The callee-saved registers of the function that this is inlined into.
[[gnu::always_inline]] inline Registers Capture() {
  Registers r;
  asm volatile(
      "leaq 0(%%rip), %0\n\t"
      "movq %%rsp, %1\n\tmovq %%rbp, %2\n\tmovq %%rbx, %3\n\t"
      "movq %%r12, %4\n\tmovq %%r13, %5\n\tmovq %%r14, %6\n\tmovq %%r15, %7"
      : "=&r"(r.rip), "=m"(r.rsp), "=m"(r.rbp), "=m"(r.rbx), "=m"(r.r12), "=m"(r.r13), "=m"(r.r14),
        "=m"(r.r15));
  return r;
}

struct Walk {
  size_t count;    // frames stored
  bool truncated;  // ended by missing information or by `most`, not by the thread's start
};

// Stores the pcs of the guest's frames, leaf first, the agent's own left out. A pc is one past its call instruction (or
// one past the address where a signal came in).
Walk Run(const Registers& registers, Workspace* workspace, uint64_t* pcs, size_t most);

}  // namespace perfagent::whole_walk
