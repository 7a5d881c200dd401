// call_stack.h: the calling thread's stack, as an id that the dump defines.
//
// Threads: any. Signals: under an AgentScope.
#pragma once

#include <cstdint>

#include "agent/stream.h"
#include "agent/unwind/whole_walk.h"

namespace perfagent::call_stack {

// Walks the stack from `registers`; a stack met for the first time is written to the dump. 0 when there is none (nothing
// readable, no room): counted under no_stack.
uint64_t Take(Stream* stream, const whole_walk::Registers& registers);

}  // namespace perfagent::call_stack
