// export.h: `analyzer export`: recordings for other tools' viewers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/symbols/symbolizer.h"
#include "analyzer/views/view.h"

namespace perfagent {

struct ExportOptions {
  size_t threads = 1;
  std::vector<std::string> inputs;     // dumps and directories of dumps
  std::string format;                  // one of ExportFormats()
  std::string metric = {};             // empty: the format's usual one
  std::optional<uint64_t> limit = {};  // of waits and of holds in a trace
  std::string output = {};             // empty or "-": stdout
  SymbolizerOptions symbols = {};
  ViewOptions view = {};
};

ExitCode RunExport(const ExportOptions& options);

}  // namespace perfagent
