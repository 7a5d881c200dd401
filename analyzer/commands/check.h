// check.h: `analyzer check`: a gate for continuous integration.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/report/terminal.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

struct CheckOptions {
  size_t threads = 1;
  std::vector<std::string> inputs;
  std::vector<std::string> requirements = {};  // requirement.h
  std::vector<std::string> baseline = {};      // dumps, directories, or one file of write_baseline
  std::string write_baseline = {};
  double tolerated_percent = 0;  // of the baseline's whole
  std::string suppressions = {};
  std::string junit = {};
  ColorChoice color = ColorChoice::kAuto;
  SymbolizerOptions symbols = {};
};

ExitCode RunCheck(const CheckOptions& options);

}  // namespace perfagent
