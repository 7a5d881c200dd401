// Threads: however they begin, run on strange stacks, are left and end, the program behaves as without the agent, and
// every event of theirs is recorded.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

struct Mode {
  const char* name;
  std::map<std::string, std::string> settings;
  bool heap_is_exact;
  bool locks_are_exact;
};
void PrintTo(const Mode& mode, std::ostream* out) { *out << mode.name; }

// With one byte between samples every allocation is one: the sampled paths, with exact counts.
const Mode kFull = {"full", {{"MODE", "full"}}, true, true};
const Mode kDense = {"dense", {{"MODE", "sample"}, {"INTERVAL", "1"}}, true, false};
const Mode kSample = {"sample", {{"MODE", "sample"}}, false, false};

class Threads : public testing::TestWithParam<Mode> {
 protected:
  // The same behaviour, nothing lost, and the program's own counts where the mode is exact.
  Recording Expect(const std::vector<std::string>& argv) {
    Surroundings around;
    around.settings = GetParam().settings;
    around.options.timeout = std::chrono::seconds(240);
    Recording recording = RecordLikeBare(argv, around);
    nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
    EXPECT_EQ(report.at("heap").at("overlaps"), 0);
    if (!GetParam().locks_are_exact)
      report.at("locks").at("acquisitions") = Acquisitions(recording);
    if (GetParam().heap_is_exact) ExpectTruth(recording.process, report);
    return recording;
  }

 private:
  // What the program says: for modes whose own figure is an estimate.
  static nlohmann::json Acquisitions(const Recording& recording) {
    const ProcessTruth truth = ParseTruth(recording.process.out).front();
    return truth.values.contains("acquisitions") ? truth.Number("acquisitions") : 0;
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, Threads, testing::Values(kFull, kDense, kSample),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Threads, TwoThousandAtOnceLoseNothing) {
  Expect({TestProgram("thread_lives"), "2000", "2000"});
}

TEST_P(Threads, EndingThreadsAreRecordedToTheirLastDestructorAndAfterIt) {
  Expect({TestProgram("thread_ends")});
}

TEST_P(Threads, TheSmallestStackIsEnough) { Expect({TestProgram("small_stacks"), "thread"}); }
TEST_P(Threads, AnAlternateSignalStackIsEnough) { Expect({TestProgram("small_stacks"), "signal"}); }
TEST_P(Threads, APageBesideTheSignalFrameIsEnough) {
  Expect({TestProgram("small_stacks"), "tiny_signal"});
}

TEST_P(Threads, FibersMayBeLeftAnywhereAndGoOnElsewhere) { Expect({TestProgram("fibers")}); }

TEST_P(Threads, FramesMayBeLeftByLongjmpAndByExceptions) {
  const Recording recording = Expect({TestProgram("unwound")});
  EXPECT_EQ(ParseTruth(recording.process.out).front().Number("unexpected"), 0);
}

TEST_P(Threads, CancelledThreadsCleanUpWithTheirMutexHeld) {
  const Recording recording = Expect({TestProgram("cancelled")});
  EXPECT_EQ(ParseTruth(recording.process.out).front().Number("wrong"), 0);
}

class ManyThreads : public Threads {};
INSTANTIATE_TEST_SUITE_P(Modes, ManyThreads, testing::Values(kFull, kSample),
                         [](const auto& info) { return std::string(info.param.name); });

// One segment each would be 6.5 GB.
TEST_P(ManyThreads, AHundredThousandShortOnesLoseNothingAndShareSegments) {
  constexpr size_t kThreads = 100'000;
  const Recording recording = Expect({TestProgram("thread_lives"), std::to_string(kThreads), "2"});
  EXPECT_LT(fs::file_size(recording.dump()), kThreads * 300);
}

}  // namespace
}  // namespace perfagent::test
