// json_values.h: what every part of the report for programs is made of (json_report.h says what it means).
//
//                in the report                          in the page's form
//   a number     {"value": 5, "low": 4, "high": 7}      [5, 4, 7], or 5 where it is exact
//   a frame      {"function": "main", ...}              its number in the tables
//   a stack      [frame, ...], leaf first               its number in the tables
#pragma once

#include <span>

#include "analyzer/model/estimate.h"
#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

void WriteInterval(JsonWriter* json, const Estimate& estimate);
// In whole numbers.
void WriteEstimate(JsonWriter* json, const Estimate& estimate);
void WriteTally(JsonWriter* json, const char* key, const Tally& tally);
void WriteExact(JsonWriter* json, const char* key, uint64_t value);
// There may be so many fewer or more.
void WriteCount(JsonWriter* json, const char* key, uint64_t value, uint64_t fewer, uint64_t more);

void WriteFrame(JsonWriter* json, const SourceFrame& frame);
// Leaf first.
void WriteStack(JsonWriter* json, std::span<const SourceFrame* const> frames);
void WriteStack(JsonWriter* json, const NamedProfile& named, StackId stack);

}  // namespace perfagent
