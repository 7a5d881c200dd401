// workspace.h: what one thread's walks need beside its stack, which may be small: a signal stack has 8 KiB, and the guest
// sized it for itself.
//
// Threads: belongs to its thread. Signals: under an AgentScope. Longjmp: holds nothing from one walk to the next but
// `bounds`.
#pragma once

#include "agent/unwind/cfi_program.h"
#include "agent/unwind/eh_frame.h"
#include "agent/unwind/stack_bounds.h"

namespace perfagent {

struct Workspace {
  StackBounds bounds;
  eh_frame::Function function;
  cfi::Program program;
};

}  // namespace perfagent
