// Programs that bring their own allocator, in whole, in part, or beside libc's. Preloaded allocators: library_test.cc,
// start_test.cc.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

Recording RecordIn(const std::string& mode, const std::vector<std::string>& argv,
                   size_t lines_of_agent = 0) {
  Surroundings around;
  around.lines_of_agent = lines_of_agent;
  around.settings = {{"MODE", mode}};
  Recording recording = RecordLikeBare(argv, around);
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
  EXPECT_EQ(ContendedWaits(report), ParseTruth(recording.process.out).front().Number("contended"));
  return recording;
}

// MODE and the program, which the Makefile links with an allocator.
using Case = std::tuple<std::string, std::string>;
std::string NameOfCase(const testing::TestParamInfo<Case>& info) {
  return std::get<0>(info.param) + "_" + std::get<1>(info.param);
}

class LinkedAllocator : public testing::TestWithParam<Case> {};

TEST_P(LinkedAllocator, ServesTheProgramAsWithoutTheAgent) {
  const auto& [mode, allocator] = GetParam();
  const Recording recording = RecordIn(mode, {TestProgram("heap_family_" + allocator)});
  if (mode == "full") ExpectTruth(recording);
}

INSTANTIATE_TEST_SUITE_P(All, LinkedAllocator,
                         testing::Combine(testing::Values("full", "sample"),
                                          testing::Values("glibc", "jemalloc", "tcmalloc",
                                                          "mimalloc")),
                         NameOfCase);

class AllocatorInTheProgram : public testing::TestWithParam<Case> {};

// The program's definitions come before every library's: the agent never sees its heap. Its locks it does.
TEST_P(AllocatorInTheProgram, ServesItAsWithoutTheAgentAndLocksAreRecorded) {
  const auto& [mode, allocator] = GetParam();
  RecordIn(mode, {TestProgram("heap_family_" + allocator)}, 1);
}

INSTANTIATE_TEST_SUITE_P(All, AllocatorInTheProgram,
                         testing::Combine(testing::Values("full", "sample"),
                                          testing::Values("bump", "static_jemalloc")),
                         NameOfCase);

class OwnNew : public testing::TestWithParam<Case> {};

TEST_P(OwnNew, IsCalledByTheProgramAndWhatItTakesFromMallocIsCountedOnce) {
  const auto& [mode, source] = GetParam();
  const Recording recording = RecordIn(mode, {TestProgram("own_new"), source});
  if (mode != "full") return;
  ExpectTruth(recording);
  EXPECT_EQ(Report(recording.dump()).at("heap").at("unpaired_frees"), 0);
}

INSTANTIATE_TEST_SUITE_P(All, OwnNew,
                         testing::Combine(testing::Values("full", "sample"),
                                          testing::Values("malloc", "pool")),
                         NameOfCase);

class OtherSide : public testing::TestWithParam<Case> {};

// A block that only one side saw is freed by the other: an unpaired free, or a block that seems to live on.
TEST_P(OtherSide, BlocksCrossAndTheProgramsOwnAreCountedExactly) {
  const auto& [mode, how] = GetParam();
  const Recording recording = RecordIn(mode, {TestProgram("sides"), how});
  if (mode != "full") return;
  ExpectTruth(recording);
  EXPECT_EQ(Report(recording.dump()).at("heap").at("unpaired_frees"),
            ParseTruth(recording.process.out).front().Number("crossed"));
}

INSTANTIATE_TEST_SUITE_P(All, OtherSide,
                         testing::Combine(testing::Values("full", "sample"),
                                          testing::Values("deepbind", "namespace")),
                         NameOfCase);

}  // namespace
}  // namespace perfagent::test
