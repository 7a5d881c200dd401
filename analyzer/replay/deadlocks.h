// deadlocks.h: threads that wait for one another when the dump ends.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "analyzer/model/lock_profile.h"

namespace perfagent {

// Indices of the waits of each cycle, each for a lock whose owner makes the next one. Only locks count, and only owners that
// are known: a semaphore may be posted by anyone.
std::vector<std::vector<size_t>> FindDeadlocks(std::span<const UnendedWait> waits);

}  // namespace perfagent
