// sizes_report.h: how large blocks are, and how much was live over time.
//
// JSON: heap.sizes[] {"up_to", "allocations", "bytes", "usable_bytes"} by power of two, those that there were; usable_bytes is
// what an allocator of known size classes has for them at least, null for others and for blocks of more than 128 KiB, which may
// be mappings of their own. heap.timeline[] {"time_ns", "live_bytes"}: live then, in up to 64 equal parts of the time.
#pragma once

#include "analyzer/report/json_writer.h"
#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

void WriteSizesText(const NamedProfile& named, Output* output);
void WriteTimelineText(const NamedProfile& named, Output* output);

// Fields of the object that is being written.
void WriteSizesJson(const NamedProfile& named, JsonWriter* json);
void WriteTimelineJson(const NamedProfile& named, JsonWriter* json);

}  // namespace perfagent
