// A program that forbids itself system calls is not killed for one of the agent's.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

constexpr int kDone = 3;
constexpr int kNotAllowed = 77;

struct Filter {
  const char* name;
  std::vector<std::string> arguments;
};
void PrintTo(const Filter& filter, std::ostream* out) { *out << filter.name; }

class Seccomp : public testing::TestWithParam<Filter> {
 protected:
  void SetUp() override {
    argv_.insert(argv_.end(), GetParam().arguments.begin(), GetParam().arguments.end());
    bare_ = RunProcess(argv_);
    REQUIRE_PERMITTED(bare_.exit_code != kNotAllowed, "seccomp (libseccomp2 is needed, too)");
    ASSERT_EQ(bare_.exit_code, kDone) << bare_.Describe();
  }
  // The program ends as without the agent. What the agent must give up, it may say once.
  Recording ExpectSurvival(const std::map<std::string, std::string>& settings) const {
    Recording recording = Record(argv_, settings);
    EXPECT_EQ(recording.process.exit_code, kDone) << recording.process.Describe();
    EXPECT_EQ(recording.process.out, bare_.out);
    EXPECT_LE(Lines(recording.process.err).size(), 1u) << recording.process.err;
    return recording;
  }

  std::vector<std::string> argv_ = {TestProgram("seccomp")};
  ProcessResult bare_;
};

INSTANTIATE_TEST_SUITE_P(
    Filters, Seccomp,
    testing::Values(Filter{"prctl", {"prctl"}}, Filter{"syscall", {"syscall"}},
                    Filter{"tsync", {"tsync"}}, Filter{"libseccomp", {"libseccomp"}},
                    Filter{"prctl_without_madvise", {"prctl", "without_madvise"}},
                    Filter{"tsync_without_madvise", {"tsync", "without_madvise"}},
                    Filter{"libseccomp_without_madvise", {"libseccomp", "without_madvise"}},
                    Filter{"prctl_some_madvise", {"prctl", "some_madvise"}},
                    Filter{"tsync_some_madvise", {"tsync", "some_madvise"}},
                    Filter{"strict", {"strict"}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(Seccomp, NobodyIsKilledInFullModeAndWhatIsMissingIsCounted) {
  const Recording recording = ExpectSurvival({{"MODE", "full"}});
  ASSERT_FALSE(recording.dumps.empty());
  const nlohmann::json report = Report(recording.dumps.front());
  const ProcessTruth truth = ParseTruth(bare_.out).front();
  const FunctionTruth& before = truth.functions.at(0);
  const FunctionTruth& under = truth.functions.at(1);
  for (const auto& [metric, expected] : before.metrics) {
    EXPECT_EQ(Sum(SitesBelow(report, before.function), metric).value, expected) << metric;
  }
  // Of threads that begin under a filter, where no page of their stacks may be tried, the caller is known and no more.
  const double recorded = Sum(SitesBelow(report, "Round"), "allocations").value -
                          Sum(SitesBelow(report, before.function), "allocations").value;
  EXPECT_LE(recorded, under.metrics.at("allocations"));
  EXPECT_GE(recorded + Lost(report), under.metrics.at("allocations"));
}

TEST_P(Seccomp, NobodyIsKilledInSampleMode) {
  for (const char* interval : {"64", "64K", "auto"}) {
    SCOPED_TRACE(interval);
    const Recording recording = ExpectSurvival({{"MODE", "sample"}, {"INTERVAL", interval}});
    ASSERT_FALSE(recording.dumps.empty());
    Report(recording.dumps.front());
  }
}

TEST_P(Seccomp, NobodyIsKilledWhenTheAgentIsOff) { ExpectSurvival({{"MODE", "off"}}); }

TEST(SeccompRefused, FiltersThatTheKernelRefusesChangeNothing) {
  const std::vector<std::string> argv = {TestProgram("seccomp"), "refused"};
  const ProcessResult bare = RunProcess(argv);
  ASSERT_EQ(bare.exit_code, kDone) << bare.Describe();
  const Recording recording = Record(argv, {{"MODE", "full"}});
  ExpectSame(recording.process, bare);
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  // The forked child's dump is beside the program's own.
  ASSERT_EQ(recording.dumps.size(), 2u);
  double allocations = 0;
  for (const std::filesystem::path& dump : recording.dumps) {
    const nlohmann::json report = Report(dump);
    EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
    allocations += Sum(SitesBelow(report, "UseUnderFilter"), "allocations").value;
  }
  constexpr double kThreads = 5;  // in the program; the child does what one of them does
  EXPECT_EQ(allocations, truth.functions.at(1).metrics.at("allocations") / kThreads * 6);
}

}  // namespace
}  // namespace perfagent::test
