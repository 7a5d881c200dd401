// json_values.h: what every part of the report for programs is made of (json_report.h says what it means).
#pragma once

#include "analyzer/model/estimate.h"
#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// {"value", "low", "high"}, in whole numbers.
void WriteEstimate(JsonWriter* json, const Estimate& estimate);
void WriteTally(JsonWriter* json, const char* key, const Tally& tally);
void WriteExact(JsonWriter* json, const char* key, uint64_t value);
// There may be so many fewer or more.
void WriteCount(JsonWriter* json, const char* key, uint64_t value, uint64_t fewer, uint64_t more);

void WriteFrame(JsonWriter* json, const SourceFrame& frame);
// Its frames, leaf first.
void WriteStack(JsonWriter* json, const NamedProfile& named, StackId stack);

}  // namespace perfagent
