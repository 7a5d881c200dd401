// source_text.h: finds and reads source files. Their names come out of debug information, and are anyone's.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace perfagent {

struct SourceText {
  std::string path;
  std::map<int, std::string> lines;  // those asked for that there are
};

// Lines `first` to `last`. Nullopt where there is no such file; *problem then says where it was looked for.
std::optional<SourceText> ReadSource(const std::string& file, const std::string& module, int first,
                                     int last, std::string* problem);

}  // namespace perfagent
