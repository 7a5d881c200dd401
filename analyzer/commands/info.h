// info.h: `analyzer info`: what is in a dump, without replaying it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"

namespace perfagent {

struct InfoOptions {
  size_t threads = 1;
  std::vector<std::string> inputs;
};

ExitCode RunInfo(const InfoOptions& options);

}  // namespace perfagent
