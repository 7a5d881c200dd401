// syscall_hooks.cc: syscall(), of which two numbers are looked at.

#include <sys/syscall.h>

#include "agent/real.h"

// Every other number is jumped on with registers and stack as they are: the sixth argument lies above the return address,
// and vfork and clone return twice, which must not be through a frame of ours.
asm(R"(
  .pushsection .text
  .globl syscall
  .type syscall, @function
syscall:
  .cfi_startproc
  cmpl $202, %edi
  je PerfagentFutex
  cmpl $317, %edi
  je PerfagentSeccomp
  jmp *_ZN9perfagent4real7syscallE(%rip)
  .cfi_endproc
  .size syscall, . - syscall
  .popsection
)");
static_assert(SYS_futex == 202);
static_assert(SYS_seccomp == 317);
