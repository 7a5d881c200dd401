// Mutexes as other lock profilers miscounted or broke them, against what the programs count themselves.
// (What every call returns: entry_points_test.cc.)
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

Surroundings InMode(const std::string& mode) { return {.settings = {{"MODE", mode}}}; }

// Waits are exact in every mode, acquisitions in full mode.
void ExpectCounts(const std::vector<std::string>& argv) {
  for (const char* mode : {"full", "sample"}) {
    SCOPED_TRACE(mode);
    const Recording recording = RecordLikeBare(argv, InMode(mode));
    const nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
    const ProcessTruth truth = ParseTruth(recording.process.out).front();
    EXPECT_EQ(ContendedWaits(report), truth.Number("contended"));
    if (std::string(mode) == "sample") continue;
    EXPECT_EQ(ToEstimate(report.at("locks").at("acquisitions")).value,
              truth.Number("acquisitions"));
  }
}

class MutexCounts : public testing::TestWithParam<std::string> {};

TEST_P(MutexCounts, AreTheProgramsOwn) { ExpectCounts({TestProgram("mutex_counts"), GetParam()}); }

INSTANTIATE_TEST_SUITE_P(Cases, MutexCounts,
                         testing::Values("timed_out", "refused_try", "self_relock", "nested",
                                         "owner_died", "after_condition_wait"),
                         [](const auto& info) { return info.param; });

TEST(Mutexes, EveryVersionOfEachNameIsRecorded) { ExpectCounts({TestProgram("symbol_versions")}); }

TEST(Mutexes, TheNamesThatOldProgramsKnowAreRecordedToo) {
  ExpectCounts({TestProgram("symbol_versions"), "internal"});
}

// The mutex is gone while its last owner may still be inside unlock.
TEST(Mutexes, AreNotTouchedOnceTheNextOwnerMayHaveThem) {
  for (const char* mode : {"full", "sample"}) {
    const Recording recording = RecordLikeBare({TestProgram("unmapped_mutex")}, InMode(mode));
    EXPECT_GT(ContendedWaits(Report(recording.dump())), 0)
        << "there was somebody to hand it over to";
  }
}

TEST(Mutexes, BetweenProcessesAreEachProcesssOwnWaits) {
  const Recording recording = RecordLikeBare({TestProgram("shared_mutex")}, InMode("sample"));
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  std::vector<double> contended;
  for (const std::filesystem::path& dump : recording.dumps) {
    contended.push_back(ContendedWaits(Report(dump)));
  }
  std::sort(contended.begin(), contended.end());
  EXPECT_EQ(contended, (std::vector<double>{truth.Number("parent"), truth.Number("child")}));
}

// The program's definitions come before the agent's, and forward to them.
TEST(Mutexes, OfAProgramThatDefinesThemAreCalledAsWithoutTheAgent) {
  ExpectTruth(RecordLikeBare({TestProgram("own_mutex")}, InMode("full")));
}

}  // namespace
}  // namespace perfagent::test
