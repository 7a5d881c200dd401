// info_report.h: what is in a dump, without replaying it.
#pragma once

#include <array>
#include <cstdint>
#include <variant>

#include "analyzer/replay/load_profile.h"
#include "analyzer/report/output.h"
#include "perfagent/event_codec.h"

namespace perfagent {

struct RecordCount {
  uint64_t records = 0;
  uint64_t bytes = 0;
};
// By alternative of Record.
using RecordCounts = std::array<RecordCount, std::variant_size_v<Record>>;

void WriteInfo(const LoadedDump& dump, const RecordCounts& counts, Output* output);

}  // namespace perfagent
