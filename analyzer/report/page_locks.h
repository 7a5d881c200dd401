// page_locks.h: what of the locks only the page has, and which ones it leaves out.
//
// In `locks`, beside what the report has:
//
//   pruned      {"locks", "contended", "wait_ns"}: those that are left out, all together
//   history     for each slot (heap_evidence.h), what was waited for locks in it: kept waits with their weights, so the sum
//               is an estimate where not all were kept
//
// and in a lock `history`, likewise (of what is no lock, too), `blame_pruned` {"stacks", "wait_ns"}: pairs of stacks that are
// left out of blame or wakers, and `waits_pruned` of waits; each of blame, wakers and waits has a `history`, and
// each distribution `quantiles`, [[part of all, ns], ...].
#pragma once

#include <vector>

#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

inline constexpr size_t kPageLocks = 500;
// Of each lock. Its matrix of waiters and holders is not readable beyond that.
inline constexpr size_t kPagePairs = 100;

// Fields of the object that is being written. `known` are all locks, of which the first kPageLocks are written.
void WritePageLocks(JsonWriter* json, const LockProfile& locks,
                    const std::vector<const Lock*>& known);
void WritePageLock(JsonWriter* json, const Lock& lock);
void WriteQuantiles(JsonWriter* json, const WeightedQuantiles& quantiles);
void WriteWaitHistory(JsonWriter* json, const WaitHistory& history);

}  // namespace perfagent
