// analyze.h: runs the analyzer's reader, replay and reports in the test's own process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/replay/load_profile.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {

// A file that is gone when this is destroyed. It has no name in any directory.
class MemoryFile {
 public:
  explicit MemoryFile(const std::vector<uint8_t>& bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const;
  void Truncate(uint64_t size);
  void Overwrite(uint64_t offset, uint8_t byte);

 private:
  int fd_;
};

// Throws when the dump cannot be used.
Profile ProfileOf(const std::vector<uint8_t>& dump, size_t threads = 1);
Profile ProfileOf(DumpBuilder& dump);
// Empty when the dump can be used.
std::string ErrorOf(const std::vector<uint8_t>& dump);

std::string TextReportOf(Profile* profile);
std::string JsonReportOf(Profile* profile);
std::string HtmlReportOf(Profile* profile);
std::string JsonReportOf(std::vector<Profile> profiles);
// In the format of that name, with the metrics that are usual there unless others are named.
std::string ExportOf(Profile* profile, const std::string& format, const std::string& metric = "");
std::string InfoOf(const LoadedDump& dump);
std::string InfoOf(DumpBuilder& dump);
std::string EventsOf(DumpBuilder& dump);

// All commands on one file; what they print is thrown away. Returns what the analyzer's exit
// status would be.
int RunAllCommands(const std::string& path);
// Likewise, the report in text alone: several times as fast.
int RunTextReport(const std::string& path);

}  // namespace perfagent::test
