// How large a process was over time, against a program that looks itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "analyzer/dump/dump_file.h"
#include "tests/support/report.h"

namespace perfagent::test {
namespace {

constexpr double kMiB = 1 << 20;
// The kernel's counters are some pages behind on each processor; of the steps' 48 MiB a few percent.
constexpr double kSlack = 3 * kMiB;

struct Moment {
  double time_ns = 0;  // since the recording's beginning
  double resident = 0;
};
struct Step {
  Moment before, after, end;
};

// In the program's own words, and by its own clock.
std::vector<Step> StepsOf(const std::string& output, const std::filesystem::path& dump) {
  std::string error;
  const std::optional<DumpFile> file = DumpFile::Open(dump, &error);
  EXPECT_TRUE(file) << error;
  const auto start_ns = static_cast<double>(file->header().start_monotonic_ns);
  std::vector<Step> steps;
  std::istringstream words(output);
  for (std::string word; words >> word;) {
    EXPECT_EQ(word, "step");
    Step& step = steps.emplace_back();
    for (Moment* moment : {&step.before, &step.after, &step.end}) {
      words >> moment->time_ns >> moment->resident;
      moment->time_ns -= start_ns;
    }
  }
  return steps;
}

// The last that is said up to then; 0: nothing.
double PeakAt(const nlohmann::json& points, double time_ns) {
  double peak = 0;
  for (const nlohmann::json& point : points) {
    if (point.at("time_ns") <= time_ns) peak = point.at("bytes");
  }
  return peak;
}

void ExpectNeverFalls(const nlohmann::json& points) {
  for (size_t i = 1; i < points.size(); ++i) {
    EXPECT_GE(points[i].at("time_ns"), points[i - 1].at("time_ns")) << i;
    EXPECT_GE(points[i].at("bytes"), points[i - 1].at("bytes")) << i;
  }
}

// Of the steps that are larger than `known_from`.
void ExpectFollows(const nlohmann::json& points, const std::vector<Step>& steps,
                   double known_from) {
  double most = 0;
  for (const Step& step : steps) {
    EXPECT_LE(PeakAt(points, step.before.time_ns), std::max(most, step.before.resident) + kSlack)
        << "before it was so large";
    const double least = most = std::max(most, step.after.resident);
    most = std::max(most, step.end.resident);
    const double found = PeakAt(points, step.end.time_ns);
    if (least < known_from + kSlack) continue;
    EXPECT_GE(found, least - kSlack) << points.dump();
    EXPECT_LE(found, most + kSlack) << points.dump();
  }
}

size_t LooksIn(const std::filesystem::path& dump) {
  size_t looks = 0;
  for (const std::string& line : Lines(RunProcess({Analyzer(), "events", dump}).out))
    looks += line.find(" peak_resident ") != line.npos;
  return looks;
}

class PeakResidentOf : public testing::TestWithParam<const char*> {
 protected:
  // From a small process: what starts a program may be counted as an earlier one of its own.
  Recording RecordFromShell(const std::string& arguments) {
    const std::string command = "\"$0\" " + arguments + "; exit $?";
    Recording recording =
        Record({"sh", "-c", command, TestProgram("memory_steps")},
               {{"MODE", GetParam()}, {"INTERVAL", "4K"}, {"PROGRAMS", "memory_steps"}});
    EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    return recording;
  }
};
INSTANTIATE_TEST_SUITE_P(Modes, PeakResidentOf, testing::Values("full", "sample"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(PeakResidentOf, AProgramThatGrowsFollowsItAndNeverFalls) {
  const Recording recording = RecordFromShell("");
  const std::vector<Step> steps = StepsOf(recording.process.out, recording.dump());
  ASSERT_EQ(steps.size(), 5u) << recording.process.out;
  ASSERT_LT(steps.back().end.resident, steps[0].end.resident) << "it was all unmapped";
  const nlohmann::json report = Report(recording.dump());
  const nlohmann::json& heap = report.at("heap");
  EXPECT_TRUE(heap.at("peak_resident_before_exec").is_null()) << heap.dump();
  ExpectNeverFalls(heap.at("peak_resident"));
  ExpectFollows(heap.at("peak_resident"), steps, 0);

  // As the format says: a hundred a second at most, and one at the end.
  const size_t looks = LooksIn(recording.dump());
  EXPECT_GE(looks, 5u);
  EXPECT_LE(looks, 2 + report.at("processes").at(0).at("duration_ns").get<double>() / 1e7);
}

TEST_P(PeakResidentOf, AProgramAfterALargerOneIsKnownFromWhereItIsLarger) {
  const Recording recording = RecordFromShell("after 120");
  ASSERT_EQ(recording.dumps.size(), 2u);
  for (const std::filesystem::path& dump : recording.dumps) {
    const nlohmann::json report = Report(dump);
    const std::string command = report.at("processes").at(0).at("command");
    if (command.find("after") != command.npos) continue;
    const nlohmann::json& heap = report.at("heap");
    const nlohmann::json& before = heap.at("peak_resident_before_exec");
    ASSERT_TRUE(before.is_number()) << heap.dump();
    EXPECT_GE(before, 120 * kMiB);
    EXPECT_LE(before, 120 * kMiB + 32 * kMiB) << "the program's code and the agent";
    ExpectNeverFalls(heap.at("peak_resident"));
    EXPECT_GT(heap.at("peak_resident").at(0).at("bytes"), before);
    const std::vector<Step> steps = StepsOf(recording.process.out, dump);
    ASSERT_GT(steps[3].after.resident, before.get<double>() + kSlack);
    ExpectFollows(heap.at("peak_resident"), steps, before);
  }
}

}  // namespace
}  // namespace perfagent::test
