// text_view.h: how much of the whole a view shows, in the report for people.
#pragma once

#include <string>

#include "analyzer/model/heap_profile.h"
#include "analyzer/model/lock_profile.h"

namespace perfagent {

// "1.20 MiB of 3.40 MiB (35.3 %) allocated in 300 of 1,000 calls (30.0 %)". REQUIRES: whole.
std::string HeapShown(const HeapProfile& heap);
// "2.50 s of 7.51 s (33.3 %) waited in 30 of 120 waits (25.0 %)". REQUIRES: tables.
std::string LocksShown(const LockProfile& locks);

}  // namespace perfagent
