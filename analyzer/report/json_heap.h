// json_heap.h: the heap in the report for programs.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/model/heap_profile.h"
#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Fields of the object that is being written.
void WriteMetrics(JsonWriter* json, const HeapMetrics& metrics);

// Of a process: the totals, and its sites or the `limit` largest.
void WriteHeap(JsonWriter* json, const NamedProfile& named, std::optional<uint64_t> limit);

}  // namespace perfagent
