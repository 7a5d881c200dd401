// Sealed segments say where their definitions are, and a report believes them. Without these notes it decodes every record
// twice, and must say the same.
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "perfagent/dump_format.h"
#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

// The places of the notes in a dump's sealed event segments.
class Notes {
 public:
  explicit Notes(const fs::path& dump) : file_(dump, std::ios::in | std::ios::out) {
    for (uint64_t at = kHeaderBytes; at + kSegmentBytes <= fs::file_size(dump); at += kSegmentBytes)
      Look(at);
  }
  size_t sealed() const { return sealed_; }
  size_t noted() const { return places_.size(); }
  void Erase() {
    const uint16_t none = 0;
    for (const uint64_t place : places_) {
      file_.seekp(static_cast<std::streamoff>(place));
      file_.write(reinterpret_cast<const char*>(&none), sizeof none);
    }
    file_.flush();
  }

 private:
  template <typename T>
  T ReadAt(uint64_t at) {
    T value;
    file_.seekg(static_cast<std::streamoff>(at));
    file_.read(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  void Look(uint64_t segment) {
    if (ReadAt<uint32_t>(segment + offsetof(SegmentHeader, sealed)) == 0) return;
    ++sealed_;
    const uint64_t place = segment + offsetof(SegmentHeader, definition_runs);
    const auto runs = ReadAt<uint16_t>(place);
    if (runs != 0 && runs <= kMostDefinitionRuns) places_.push_back(place);
  }

  std::fstream file_;
  size_t sealed_ = 0;
  std::vector<uint64_t> places_;
};

struct Case {
  const char* name;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> settings;
  size_t least_noted;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Definitions : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Programs, Definitions,
    testing::Values(Case{"long_run", {"1", "60000"}, {{"MODE", "full"}}, 10},
                    Case{"long_run", {"4", "30000"}, {{"MODE", "full"}}, 10},
                    Case{"long_run", {"4", "60000"}, {{"INTERVAL", "64"}}, 0},
                    Case{"jump_out", {"3000", "waits", "busy"}, {{"MODE", "full"}}, 0},
                    Case{"thread_lives", {"300", "4"}, {{"MODE", "full"}}, 0}),
    [](const auto& info) { return info.param.name + std::to_string(info.index); });

TEST_P(Definitions, AreFoundByTheirNotesAsWithoutThem) {
  const Case& c = GetParam();
  std::vector<std::string> argv = {TestProgram(c.name)};
  argv.insert(argv.end(), c.arguments.begin(), c.arguments.end());
  std::map<std::string, std::string> settings = c.settings;
  settings["MAX_SIZE"] = "64M";
  const Recording recording = Record(argv, settings);
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  for (const fs::path& dump : recording.dumps) {
    Notes notes(dump);
    const nlohmann::json noted = Report(dump);
    EXPECT_GE(notes.noted(), c.least_noted);
    EXPECT_GE(notes.noted() * 2, c.least_noted != 0 ? notes.sealed() : 0)
        << "most segments have few definitions";
    notes.Erase();
    EXPECT_EQ(Report(dump), noted);
  }
}

}  // namespace
}  // namespace perfagent::test
