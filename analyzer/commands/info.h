// info.h: `analyzer info`: what is in a dump, without replaying it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/report/terminal.h"

namespace perfagent {

struct InfoOptions {
  size_t threads = 1;
  std::vector<std::string> inputs;
  ColorChoice color = ColorChoice::kAuto;
};

ExitCode RunInfo(const InfoOptions& options);

}  // namespace perfagent
