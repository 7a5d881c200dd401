// json_report.h: the report for programs.
//
// Sizes are bytes and times nanoseconds. Every number that may be estimated is an object {"value",
// "low", "high"} with the 95 % interval; it is exact when the three are equal.
#pragma once

#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

void WriteJsonReport(const ReportInput& input, Output* output);

}  // namespace perfagent
