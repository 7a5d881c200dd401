// lock_holds.h: followed acquisitions become what a lock's holders did.
#pragma once

#include "analyzer/model/lock_profile.h"
#include "perfagent/records.h"

namespace perfagent {

// An acquisition that waited is followed when its wait is kept, another one by a draw: two strata, which together are all.
Weight WeightOf(const LockSectionRecord& record);

void AddSection(const LockSectionRecord& record, LockHolds* holds);

}  // namespace perfagent
