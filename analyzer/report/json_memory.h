// json_memory.h: the allocator's own time and the process's memory, in the report for programs.
//
// `latency` has `malloc`, `realloc` and `free`, those of them that were timed: `calls` and `total_ns` are estimates, `p50_ns`,
// `p99_ns` and `max_ns` of the timed ones; the same in `sizes[]` by classes of up to `size_at_most` bytes (null: not known).
// `usable` says what allocated blocks got for `asked` bytes. `memory[]` is what the kernel counted when. `resident` is its last entry by parts,
// whose sum it is; null where there is none.
#pragma once

#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Members of `heap`.
void WriteMemory(JsonWriter* json, const NamedProfile& named);

}  // namespace perfagent
