// source_costs.h: what each line of a function costs: of its own stack frames, wherever they stand on a stack.
//
// Threads: one thread at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analyzer/report/report_input.h"

namespace perfagent {

struct LineCosts {
  Tally allocations = {};
  Tally bytes = {};
  Tally leaked_bytes = {};
  Tally waits = {};  // kept ones, scaled up
  Tally wait_ns = {};
};

// What is written of a function in one file.
struct FunctionSource {
  std::string function;
  std::string file;  // empty: debug information does not say which
  std::string module;
  std::map<int, LineCosts> costs;  // by line
  LineCosts total;
};

// `function` is a name as nm has it, with or without namespaces and arguments. A stack on which the function is several
// times counts once for each of its lines.
std::vector<FunctionSource> SourceCosts(const std::string& function, const NamedProfile& named);

}  // namespace perfagent
