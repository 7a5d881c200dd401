// suppressions.h: blocks that stay live by design and that nobody would call a leak.
//
// As LeakSanitizer's built-in suppressions: libraries keep some memory until the process is gone.
// The agent never calls __freeres, because that is not safe in a guest.
#pragma once

#include "analyzer/model/heap_profile.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {

// Why what is live at `stack` is no leak; null when it may be one.
const char* SuppressionOf(const Process& process, StackId stack, StackNames* names);

// Takes what is suppressed out of the leaks of the sites and of the total.
void Suppress(const Process& process, StackNames* names, HeapProfile* profile);

}  // namespace perfagent
