// text_findings.h: findings in the report for people.
#pragma once

#include <cstdint>

#include "analyzer/findings/finding.h"
#include "analyzer/report/output.h"

namespace perfagent {

// `limit` of them.
void WriteFindingsText(const Findings& findings, uint64_t limit, Output* output);

}  // namespace perfagent
