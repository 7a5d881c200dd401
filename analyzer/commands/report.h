// report.h: `analyzer report`: what churns, what leaks, who waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/commands/report_format.h"
#include "analyzer/report/report_input.h"
#include "analyzer/report/terminal.h"
#include "analyzer/symbols/symbolizer.h"
#include "analyzer/views/grouping.h"
#include "analyzer/views/view.h"

namespace perfagent {

struct ReportOptions {
  size_t threads = 1;
  std::vector<std::string> inputs;  // dumps and directories of dumps
  bool churn = false;               // none of the three: all of them
  bool leaks = false;
  bool contention = false;
  ReportFormat format = ReportFormat::kText;
  std::optional<uint64_t> limit = {};
  std::optional<uint64_t> memory_limit = {};  // bytes
  std::string output = {};                    // empty: stdout
  ColorChoice color = ColorChoice::kAuto;
  SymbolizerOptions symbols = {};
  ViewOptions view = {};
  std::optional<Grouping> group = {};
  std::optional<TreeOf> tree = {};
  std::string source = {};
  bool merges = false;  // all dumps become one profile
  bool all_frames = false;
  bool shortens_templates = false;
};

ExitCode RunReport(const ReportOptions& options);

}  // namespace perfagent
