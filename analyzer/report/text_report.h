// text_report.h: the report for people.
//
// Each dump: what ran and what was lost; then the sections asked for. A site's stack is printed
// where the site comes first and later referred to by its number, [S1]. Names are never shortened.
#pragma once

#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

void WriteTextReport(const ReportInput& input, Output* output);

}  // namespace perfagent
