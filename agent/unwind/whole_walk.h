// whole_walk.h: the call stack, by libunwind's remote interface.
//
// Remote, because in local mode libunwind 1.6 tests memory by writing it into a pipe: after a guest has closed all
// descriptors, that pipe is the guest's socket. Here every read goes through our accessor, which knows what is readable.
// libunwind-x86_64.so.8 is opened privately (RTLD_LOCAL), so that neither its _Unwind_* nor its backtrace come before
// the guest's own. No cache: a cache would be shared and locked.
//
// libunwind remembers register states in a pool with a lock, signals blocked while it is held: a thread that a debugger
// stops there keeps others from walking such functions.
//
// Threads: any. Signals: under an AgentScope.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/unwind/stack_bounds.h"

namespace perfagent::whole_walk {

// Loads libunwind and walks the current stack once as a trial, which must pass through `return_address`, a frame of the
// stack that is not the agent's. False: there will be no stacks.
bool Start(uint64_t return_address);

// Is `address` in libunwind's own code?
bool IsUnwinder(uintptr_t address);

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
Walk Run(const Registers& registers, StackBounds* bounds, uint64_t* pcs, size_t most);

}  // namespace perfagent::whole_walk
