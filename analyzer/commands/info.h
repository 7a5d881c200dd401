// info.h: `analyzer info`: what is in a dump, without replaying it.
#pragma once

#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"

namespace perfagent {

struct InfoOptions {
  std::vector<std::string> inputs;
};

ExitCode RunInfo(const InfoOptions& options);

}  // namespace perfagent
