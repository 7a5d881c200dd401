// source_report.h: a function's source lines beside what they cost, for people and for programs.
//
// A file is looked for where the debug information says; a relative name, in this directory and in those above the
// module. Where it is not found, costs are shown without text, and why is said.
#pragma once

#include <string>

#include "analyzer/report/json_writer.h"
#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

void WriteSourceText(const std::string& function, const NamedProfile& named, Output* output);

// [{"function", "file", "problem", "lines": [{"line", "text", "bytes", ...}]}]: the lines that cost something.
void WriteSourceJson(const std::string& function, const NamedProfile& named, JsonWriter* json);

}  // namespace perfagent
