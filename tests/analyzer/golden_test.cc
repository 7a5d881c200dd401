// Recorded dumps, checked in: the reader is held to what earlier agents wrote, without running one.
// A change of the format's major version means recording them again.

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "analyzer/commands/events.h"
#include "tests/support/process.h"

namespace perfagent::test {
namespace {

std::vector<std::filesystem::path> GoldenDumps() {
  std::vector<std::filesystem::path> dumps;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden")) {
    if (entry.path().extension() == ".dump") dumps.push_back(entry.path());
  }
  return dumps;
}

TEST(Golden, EveryRecordIsReadAsItWasWritten) {
  const std::vector<std::filesystem::path> dumps = GoldenDumps();
  ASSERT_GE(dumps.size(), 3u) << "run from the repository's top";
  for (std::filesystem::path dump : dumps) {
    EventsOptions options;
    options.inputs = {dump.string()};
    testing::internal::CaptureStdout();
    const ExitCode code = RunEvents(options);
    const std::string events = testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, ExitCode::kFine) << dump;
    EXPECT_EQ(events, ReadFile(dump.replace_extension(".events.txt"))) << dump;
  }
}

}  // namespace
}  // namespace perfagent::test
