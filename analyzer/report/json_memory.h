// json_memory.h: the allocator's own time and the process's memory, in the report for programs.
//
// `latency` has `malloc`, `realloc` and `free`, those of them that were timed: `calls` and `total_ns` are estimates, `p50_ns`,
// `p99_ns` and `max_ns` of the timed ones; the same in `sizes[]` by classes of up to `size_at_most` bytes (null: not known).
// `usable` says what allocated blocks got for `asked` bytes. `memory_at_end` is what the kernel counted, `resident` the same
// by parts, whose sum it is; null where the process did not end by itself. `peak_resident[]` {"time_ns", "bytes"} is the
// greatest resident size so far, this recording's pages among it, never falling: when it was found to have grown, and last.
// Before the first of them it was at most `peak_resident_before_exec`, which an earlier program of the process had; null:
// nothing is missing.
#pragma once

#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Members of `heap`.
void WriteMemory(JsonWriter* json, const NamedProfile& named);

}  // namespace perfagent
