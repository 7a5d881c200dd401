#include "analyzer/compare/thing_names.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/model/frame_kinds.h"
#include "analyzer/model/function_names.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {
namespace {

// What gcc and clang append, before demangling and after.
constexpr const char* kCloneMarks[] = {" [clone ", ".constprop.", ".isra.",    ".part.",
                                       ".cold",    ".llvm.",      ".lto_priv."};

std::string KeyName(const SourceFrame& frame,
                    absl::FunctionRef<bool(const std::string&)> is_same_file) {
  if (!IsNameless(frame)) return StableName(frame.function);
  const std::string file = BaseName(frame.module);
  return !file.empty() && is_same_file(file) ? frame.function : absl::StrCat(file, "+?");
}

}  // namespace

std::vector<SourceFrame> OwnFrames(const std::vector<const SourceFrame*>& stack) {
  std::vector<SourceFrame> own;
  const auto add = [&](const SourceFrame& frame) {
    if (own.empty() || own.back().function != frame.function) own.push_back(frame);
  };
  for (const SourceFrame* frame : stack) {
    if (IsOwnCode(frame->function)) add(*frame);
  }
  if (!own.empty()) return own;
  for (const SourceFrame* frame : stack) add(*frame);
  return own;
}

std::string StableName(const std::string& function) {
  size_t end = function.size();
  for (const char* mark : kCloneMarks) end = std::min(end, function.find(mark));
  return end == 0 ? function : function.substr(0, end);
}

std::string KeyOf(const Thing& thing, absl::FunctionRef<bool(const std::string&)> is_same_file) {
  std::string key = thing.kind;
  // A lock that is not known by its allocation is known by its name alone.
  if (thing.is_lock && thing.frames.empty()) absl::StrAppend(&key, "\n", thing.name);
  for (const SourceFrame& frame : thing.frames) {
    absl::StrAppend(&key, "\n", KeyName(frame, is_same_file));
  }
  return key;
}

std::vector<uint64_t> LinesOf(const Thing& thing) {
  std::vector<uint64_t> lines;
  lines.reserve(thing.frames.size() + 1);
  for (const SourceFrame& frame : thing.frames) lines.push_back(static_cast<uint64_t>(frame.line));
  if (thing.is_lock) lines.push_back(thing.offset);
  return lines;
}

}  // namespace perfagent
