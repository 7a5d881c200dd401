#include "analyzer/views/source_text.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "analyzer/dump/regular_file.h"

namespace perfagent {
namespace {

constexpr uint64_t kMostBytes = uint64_t{64} << 20;

std::vector<std::string> Candidates(const std::string& file, const std::string& module) {
  std::vector<std::string> paths = {file};
  if (file.starts_with('/')) return paths;
  // What was built in a directory below the sources.
  std::filesystem::path above = std::filesystem::path(module).parent_path();
  while (above.has_relative_path()) {
    paths.push_back(above / file);
    above = above.parent_path();
  }
  return paths;
}

std::string ReadAll(int fd, uint64_t size) {
  std::string text(size, '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = read(fd, text.data() + done, text.size() - done);
    if (count <= 0) break;
    done += static_cast<size_t>(count);
  }
  text.resize(done);
  return text;
}

std::map<int, std::string> LinesOf(const std::string& text, int first, int last) {
  std::map<int, std::string> lines;
  int number = 1;
  for (size_t at = 0; at < text.size() && number <= last; ++number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (number >= first) lines[number] = text.substr(at, end - at);
    at = end + 1;
  }
  return lines;
}

}  // namespace

std::optional<SourceText> ReadSource(const std::string& file, const std::string& module, int first,
                                     int last, std::string* problem) {
  for (const std::string& path : Candidates(file, module)) {
    const RegularFile opened = OpenRegularFile(path);
    if (opened.fd < 0) continue;
    const std::string text = ReadAll(opened.fd, std::min(opened.size_bytes, kMostBytes));
    close(opened.fd);
    return SourceText{path, LinesOf(text, first, last)};
  }
  *problem = absl::StrCat("the source file ", file, " is not here",
                          file.starts_with('/') ? "" : ", nor in any directory above the module");
  return std::nullopt;
}

}  // namespace perfagent
