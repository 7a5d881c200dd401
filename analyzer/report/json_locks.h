// json_locks.h: locks in the report for programs.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/model/estimate.h"
#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Fields of the object that is being written.
void WriteLockTotals(JsonWriter* json, const Tally& acquisitions, uint64_t contended,
                     uint64_t wait_ns);

// Of a process: the totals, and the contended locks or the `limit` first.
void WriteLocks(JsonWriter* json, const NamedProfile& named, std::optional<uint64_t> limit);

}  // namespace perfagent
