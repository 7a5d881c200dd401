// json_diff.h: what changed, for programs.
//
//   base, new       {"dumps", "runs", "processes", "interval_bytes"}; 0 bytes: every block was recorded
//   tested          figures that were tested together, Holm's correction, 5 %
//   heap, locks     {"total": {METRIC: CHANGE}, "sites"/"objects": [{"name", "kind", "stack", "in_base", "in_new",
//                   "base_file", "base_line", METRIC: CHANGE}]}; null where a side did not record it. Named ones first.
//   CHANGE          {"base", "new", "change"} each {"value", "low", "high"}, of an average run; "p" and "adjusted_p" (null
//                   where nothing was tested) and "verdict":
//                   "same", "fact" (exact, and all runs agree), "changed" (more than chance), "uncertain" or
//                   "unjudged" (how much runs differ by themselves is not known)
//
// `stack` holds the program's own functions only: those that sites are matched by.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/compare/comparison.h"
#include "analyzer/report/output.h"
#include "analyzer/report/page_tables.h"

namespace perfagent {

void WriteJsonDiff(const Comparison& comparison, std::optional<uint64_t> limit, Output* output);
// In the page's form (json_values.h), with so many things at most, and how many are `pruned`.
void WritePageDiff(const Comparison& comparison, std::optional<uint64_t> limit, PageTables* tables,
                   Output* output);

}  // namespace perfagent
