// tree_report.h: the call tree (views/call_tree.h), for people and for programs.
#pragma once

#include "analyzer/report/json_writer.h"
#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Indented, in percent of all bytes; what has less than a two-hundredth of the bytes, of the calls and of what is leaked is
// one row.
void WriteTreeText(TreeOf kind, const NamedProfile& named, Output* output);

// All of it: {"function", "module", "bytes", "allocations", "leaked_bytes", "children"}.
void WriteTreeJson(TreeOf kind, const NamedProfile& named, JsonWriter* json);

}  // namespace perfagent
