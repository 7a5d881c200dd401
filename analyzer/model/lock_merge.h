// lock_merge.h: two locks that are one to the reader become one.
#pragma once

#include "analyzer/model/lock_profile.h"

namespace perfagent {

// Adds all that is said of `other`; what tells a lock apart (address, kind, allocation) stays. Both are of the same process,
// or their stacks, addresses and threads are (StackNames::Make).
void Merge(const Lock& other, Lock* lock);

}  // namespace perfagent
