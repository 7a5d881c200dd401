// rule_walk.h: the call stack by rules: a probe and one or two loads per frame.
//
// Knows what compiled code does; a stack that holds anything else (a signal frame, a realigned frame) is left to
// whole_walk, from its beginning, so that a stack is never stitched together from two methods.
//
// Threads: any. Signals: safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/unwind/whole_walk.h"

namespace perfagent::rule_walk {

// As whole_walk::Run. False: this stack needs whole_walk; `*walk` is its part up to the frame that does.
bool Run(const whole_walk::Registers& registers, uint64_t epoch, Workspace* workspace,
         uint64_t* pcs, size_t most, whole_walk::Walk* walk);

}  // namespace perfagent::rule_walk
