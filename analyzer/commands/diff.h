// diff.h: `analyzer diff`: what changed between two builds, or two settings, of a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/commands/report_format.h"
#include "analyzer/report/terminal.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

struct DiffOptions {
  size_t threads = 1;
  std::vector<std::string>
      base;  // dumps and directories; without `now`, the second one is the other side
  std::vector<std::string> now = {};
  ReportFormat format = ReportFormat::kText;
  std::optional<uint64_t> limit = {};
  std::string output = {};  // empty: stdout
  ColorChoice color = ColorChoice::kAuto;
  SymbolizerOptions symbols = {};
};

ExitCode RunDiff(const DiffOptions& options);

}  // namespace perfagent
