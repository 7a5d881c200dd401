// text_findings.h: findings in the report for people.
#pragma once

#include <cstdint>

#include "analyzer/findings/finding.h"
#include "analyzer/report/output.h"

namespace perfagent {

// `limit` of them. `are_of_whole`: all else in the report is about a part of what they are of (findings_in_view.h).
void WriteFindingsText(const Findings& findings, bool are_of_whole, uint64_t limit, Output* output);

}  // namespace perfagent
