// html_report.h: the report as one page for a browser, which needs nothing but this file.
//
// The page is analyzer/web's, bundled when the analyzer is built and part of its binary. Its data is the JSON report in the
// page's form (json_values.h), as {"kind", "strings", "frames", "stacks" (page_tables.h), "data"}: as JSON, deflated (zlib's
// format), in base 64. Nothing in that can end the script it is in, whatever programs call their functions.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

struct Comparison;

void WriteHtmlReport(const ReportInput& input, Output* output);
void WriteHtmlDiff(const Comparison& comparison, std::optional<uint64_t> limit, Output* output);

}  // namespace perfagent
