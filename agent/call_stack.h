// call_stack.h: the calling thread's stack, as an id that the dump defines.
//
// Threads: any. Signals: under an AgentScope.
#pragma once

#include <cstdint>

#include "agent/stream.h"
#include "agent/unwind/rule_step.h"

namespace perfagent::call_stack {

// Walks the stack from `caller` outward, or from here; a stack met for the first time is written to the dump. 0 when there
// is none (nothing readable, no room): counted under no_stack.
// REQUIRES: `caller` is a frame of the guest below which only the agent's are.
uint64_t Take(Stream* stream, const FrameState& caller);
uint64_t Take(Stream* stream);

// The part of that stack that ends with the function in whose frame `address` lies. 0: in none, or it has no id.
uint64_t TakeUpTo(Stream* stream, const FrameState& caller, uint64_t address);

}  // namespace perfagent::call_stack
