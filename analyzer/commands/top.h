// top.h: `analyzer top`: a running process, look by look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "analyzer/commands/exit_code.h"
#include "analyzer/live/live_profile.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

struct TopOptions {
  std::string dump = {};
  double interval_seconds = 2;
  std::optional<uint64_t> limit = {};  // of sites and of locks; without it 10, or what fits
  std::optional<uint64_t> count = {};  // of looks; without it until the process has ended
  bool from_now = false;               // what was recorded before is not read
  SiteOrder order = SiteOrder::kBytes;
  SymbolizerOptions symbols = {};
};

ExitCode RunTop(const TopOptions& options);

}  // namespace perfagent
