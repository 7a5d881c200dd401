#include "analyzer/report/page_tables.h"

#include <algorithm>

#include "analyzer/model/frame_kinds.h"
#include "analyzer/report/json_writer.h"

namespace perfagent {
namespace {

template <typename Rows, typename Write>
void WriteColumn(JsonWriter* json, const char* key, const Rows& rows, Write write) {
  json->Key(key).BeginArray();
  for (const auto& row : rows) write(row);
  json->EndArray();
}

}  // namespace

PageTables::PageTables(size_t processes)
    : most_sites_(std::clamp<size_t>(3 * kMostSites / std::max<size_t>(processes, 1), kLeastSites,
                                     kMostSites)),
      stacks_{{0, 0}} {
  StringOf("");
}

uint32_t PageTables::StringOf(const std::string& text) {
  const auto [found, is_new] = string_at_.try_emplace(text, strings_.size());
  if (is_new) strings_.push_back(text);
  return found->second;
}

uint32_t PageTables::FrameOf(const SourceFrame& frame) {
  const auto [found, is_new] = frame_at_.try_emplace(frame, frames_.size());
  if (is_new) {
    frames_.push_back({StringOf(frame.function), StringOf(frame.file), frame.line,
                       StringOf(frame.module), frame.inlined, IsOwnCode(frame.function)});
  }
  return found->second;
}

uint32_t PageTables::StackOf(std::span<const SourceFrame* const> frames) {
  uint32_t stack = 0;
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    const Stack next = {stack, FrameOf(**frame)};
    const auto [found, is_new] = stack_at_.try_emplace({next.caller, next.frame}, stacks_.size());
    if (is_new) stacks_.push_back(next);
    stack = found->second;
  }
  return stack;
}

uint32_t PageTables::KnownPartOf(std::span<const SourceFrame* const> frames) const {
  uint32_t stack = 0;
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    const auto number = frame_at_.find(**frame);
    if (number == frame_at_.end()) break;
    const auto found = stack_at_.find({stack, number->second});
    if (found == stack_at_.end()) break;
    stack = found->second;
  }
  return stack;
}

void PageTables::Write(JsonWriter* json) const {
  const auto integer = [json](auto get) {
    return [json, get](const auto& row) { json->Signed(get(row)); };
  };
  WriteColumn(json, "strings", strings_, [json](const std::string& text) { json->String(text); });
  json->Key("frames").BeginObject();
  WriteColumn(json, "function", frames_, integer([](const Frame& f) { return f.function; }));
  WriteColumn(json, "file", frames_, integer([](const Frame& f) { return f.file; }));
  WriteColumn(json, "line", frames_, integer([](const Frame& f) { return f.line; }));
  WriteColumn(json, "module", frames_, integer([](const Frame& f) { return f.module; }));
  WriteColumn(json, "inlined", frames_, integer([](const Frame& f) { return f.inlined ? 1 : 0; }));
  WriteColumn(json, "own", frames_, integer([](const Frame& f) { return f.own ? 1 : 0; }));
  json->EndObject();
  json->Key("stacks").BeginObject();
  WriteColumn(json, "caller", stacks_, integer([](const Stack& s) { return s.caller; }));
  WriteColumn(json, "frame", stacks_, integer([](const Stack& s) { return s.frame; }));
  json->EndObject();
}

}  // namespace perfagent
