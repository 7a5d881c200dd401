// json_memory.h: the allocator's own time and the process's memory, in the report for programs.
//
// `latency[]`, by call (malloc, realloc, free) and class of sizes up to `size_at_most` bytes (null: the size is not known):
// `calls` and `total_ns` are estimates, `p50_ns`, `p99_ns` and `max_ns` of the calls that were timed. `usable` says what
// those blocks got for `asked` bytes. `memory[]` is what the kernel counted when. `resident` is its last entry by parts,
// whose sum it is; null where there is none.
#pragma once

#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Members of `heap`.
void WriteMemory(JsonWriter* json, const NamedProfile& named);

}  // namespace perfagent
