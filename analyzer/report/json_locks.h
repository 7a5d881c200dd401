// json_locks.h: locks in the report for programs.
//
// Of `objects`, exact are `contended`, `wait_ns`, `longest_wait_ns`, `released_awaited`, `refused_tries`, `callers`, `pollers`,
// `releasers` and `threads`. Of a condition these two are 0, since waiting for one is no contention: it has `waits_ended`, and
// `idle_ns`, of which `reacquire_ns` were after the first signal. `kept` are integers of the waits that are in the dump: its
// blame_ns + hand_over_ns + unattributed_ns == wait_ns, and `not_kept_ns` is the rest of the exact time. `blame`, of what is
// no lock `wakers`, and `hold_ns`, `hold` and `inside` are estimates from kept waits and followed acquisitions.
// `hold.running_ns` is CPU time in those sections where it is known, which lasted `hold.running_of_ns`.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Fields of the object that is being written.
void WriteLockTotals(JsonWriter* json, const LockProfile& locks);

// Of a process: the totals, the locks or the `limit` first, and who waits for whom.
void WriteLocks(JsonWriter* json, const NamedProfile& named, std::optional<uint64_t> limit);

}  // namespace perfagent
