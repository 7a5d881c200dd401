// json_findings.h: findings in the report for programs.
#pragma once

#include "analyzer/findings/finding.h"
#include "analyzer/report/json_writer.h"

namespace perfagent {

// An array of {"kind", "title", "where", "evidence", "gain", "gains", "remedy", "confidence"}. "where" is {"lock", "address"}
// of a lock, {"function", "stack"} of a stack that allocates, {"allocator"} of the allocator. "gains" has what of `gain` is a
// number: "time_ns", "memory_bytes", "copied_bytes", "calls", "growth_bytes_per_hour", each where it is known.
//
// Of dumps that were merged: in how many "processes" it was found, and the "pid" and "dump" of the one that all is about but
// the gains, which are those of all together. Locks have no address.
void WriteFindings(JsonWriter* json, const Findings& findings);

}  // namespace perfagent
