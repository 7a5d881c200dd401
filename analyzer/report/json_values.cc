#include "analyzer/report/json_values.h"

#include <algorithm>
#include <cmath>

namespace perfagent {
void WriteFrame(JsonWriter* json, const SourceFrame& frame) {
  json->BeginObject();
  json->Key("function").String(frame.function);
  json->Key("file").String(frame.file);
  json->Key("line").Signed(frame.line);
  json->Key("module").String(frame.module);
  json->Key("inlined").Bool(frame.inlined);
  json->EndObject();
}

// What is counted or lasts is whole; rounding outwards keeps the interval's promise.
void WriteEstimate(JsonWriter* json, const Estimate& estimate) {
  json->BeginObject();
  json->Key("value").Number(std::round(estimate.value));
  json->Key("low").Number(std::floor(estimate.low));
  json->Key("high").Number(std::ceil(estimate.high));
  json->EndObject();
}

void WriteTally(JsonWriter* json, const char* key, const Tally& tally) {
  json->Key(key);
  WriteEstimate(json, tally.Interval());
}

void WriteExact(JsonWriter* json, const char* key, uint64_t value) {
  WriteCount(json, key, value, 0, 0);
}

void WriteCount(JsonWriter* json, const char* key, uint64_t value, uint64_t fewer, uint64_t more) {
  json->Key(key).BeginObject();
  json->Key("value").Integer(value);
  json->Key("low").Integer(value - std::min(value, fewer));
  json->Key("high").Integer(value + more);
  json->EndObject();
}

void WriteStack(JsonWriter* json, const NamedProfile& named, StackId stack) {
  json->BeginArray();
  for (const SourceFrame* frame : named.names.Frames(stack)) WriteFrame(json, *frame);
  json->EndArray();
}

}  // namespace perfagent
