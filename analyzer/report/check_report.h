// check_report.h: what a gate found, for people and for the systems that run it.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/gate/check_result.h"
#include "analyzer/report/output.h"

namespace perfagent {

// A line for each result, then, where something fails, one that GitHub shows as an error of the job
// ("::error title=perfagent::..."), then one that sums it up.
void WriteCheckText(const CheckResults& results, Output* output);

// JUnit's XML: a test case for each result. What is undecided has passed, and says so on its system-out.
void WriteJUnit(const CheckResults& results, Output* output);

// In text and in attributes: also what XML 1.0 has no word for (control characters, no UTF-8) is made readable.
std::string EscapeForXml(std::string_view text);

}  // namespace perfagent
