// events.h: `analyzer events`: every record, readable (the lines: report/event_lines.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

struct EventsOptions {
  size_t threads = 1;
  std::vector<std::string> inputs;
  bool stacks = false;  // the frames of each event's stack below it
  SymbolizerOptions symbols = {};
  std::optional<uint64_t> address = {};  // only events of the blocks and locks there
};

ExitCode RunEvents(const EventsOptions& options);

}  // namespace perfagent
