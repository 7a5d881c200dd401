// json_findings.h: findings in the report for programs.
#pragma once

#include "analyzer/findings/finding.h"
#include "analyzer/report/json_writer.h"

namespace perfagent {

// An array of {"kind", "title", "where", "evidence", "gain", "remedy", "confidence"}. "where" is {"lock", "address"} of a
// lock, {"function", "stack"} of a stack that allocates.
void WriteFindings(JsonWriter* json, const Findings& findings);

}  // namespace perfagent
