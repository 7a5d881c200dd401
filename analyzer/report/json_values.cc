#include "analyzer/report/json_values.h"

#include <algorithm>
#include <cmath>

#include "analyzer/report/page_tables.h"

namespace perfagent {
namespace {

// Integers stay what they are, however large.
void WritePageCount(JsonWriter* json, uint64_t value, uint64_t fewer, uint64_t more) {
  if (fewer == 0 && more == 0) return json->Integer(value);
  json->BeginArray();
  json->Integer(value);
  json->Integer(value - std::min(value, fewer));
  json->Integer(value + more);
  json->EndArray();
}

}  // namespace

void WriteFrame(JsonWriter* json, const SourceFrame& frame) {
  if (json->tables() != nullptr) return json->Integer(json->tables()->FrameOf(frame));
  json->BeginObject();
  json->Key("function").String(frame.function);
  json->Key("file").String(frame.file);
  json->Key("line").Signed(frame.line);
  json->Key("module").String(frame.module);
  json->Key("inlined").Bool(frame.inlined);
  json->EndObject();
}

void WriteInterval(JsonWriter* json, const Estimate& estimate) {
  if (json->tables() == nullptr) {
    json->BeginObject();
    json->Key("value").Number(estimate.value);
    json->Key("low").Number(estimate.low);
    json->Key("high").Number(estimate.high);
    json->EndObject();
  } else if (estimate.IsExact()) {
    json->Number(estimate.value);
  } else {
    json->BeginArray();
    for (const double number : {estimate.value, estimate.low, estimate.high}) json->Number(number);
    json->EndArray();
  }
}

// What is counted or lasts is whole; rounding outwards keeps the interval's promise.
void WriteEstimate(JsonWriter* json, const Estimate& estimate) {
  // A fraction of it is no doubt.
  if (estimate.IsExact()) return WriteInterval(json, Estimate::Exact(std::round(estimate.value)));
  WriteInterval(json,
                {std::round(estimate.value), std::floor(estimate.low), std::ceil(estimate.high)});
}

void WriteTally(JsonWriter* json, const char* key, const Tally& tally) {
  json->Key(key);
  WriteEstimate(json, tally.Interval());
}

void WriteExact(JsonWriter* json, const char* key, uint64_t value) {
  WriteCount(json, key, value, 0, 0);
}

void WriteCount(JsonWriter* json, const char* key, uint64_t value, uint64_t fewer, uint64_t more) {
  json->Key(key);
  if (json->tables() != nullptr) return WritePageCount(json, value, fewer, more);
  json->BeginObject();
  json->Key("value").Integer(value);
  json->Key("low").Integer(value - std::min(value, fewer));
  json->Key("high").Integer(value + more);
  json->EndObject();
}

void WriteStack(JsonWriter* json, std::span<const SourceFrame* const> frames) {
  if (json->tables() != nullptr) return json->Integer(json->tables()->StackOf(frames));
  json->BeginArray();
  for (const SourceFrame* frame : frames) WriteFrame(json, *frame);
  json->EndArray();
}

void WriteStack(JsonWriter* json, const NamedProfile& named, StackId stack) {
  WriteStack(json, named.names.Frames(stack));
}

}  // namespace perfagent
