// kept_counts.h: a lock's waits as its kept ones say, where the exact tables cannot: of some threads, times or stacks.
#pragma once

#include "analyzer/model/lock_profile.h"
#include "analyzer/model/process.h"

namespace perfagent {

// Fills in contended, wait_ns, readers and callers; what is estimated has its doubt. Exact where all waits were kept.
void CountKeptWaits(const Process& process, Lock* lock);

}  // namespace perfagent
