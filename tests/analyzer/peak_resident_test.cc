// How large a process was over time, out of what dumps say, whatever that is.
#include "analyzer/model/peak_resident.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
using Points = std::vector<std::pair<uint64_t, uint64_t>>;

Points PointsOf(const ResidentCourse& course) {
  Points points;
  for (const ResidentPoint& point : course.points)
    points.emplace_back(point.time_ns, point.peak_bytes);
  return points;
}

class PeakResidentTest : public testing::Test {
 protected:
  PeakResidentTest() { dump_.header().end_ticks = 1000; }

  DumpBuilder dump_;
  StreamBuilder& main_ = dump_.AddStream();
  StreamBuilder& other_ = dump_.AddStream();
};

TEST_F(PeakResidentTest, IsAllThreadsInOrderWhereItGrewAndAtTheEnd) {
  main_.Put(PeakResidentRecord{10, 100, 0});
  main_.Put(PeakResidentRecord{30, 100, 0});
  main_.Put(PeakResidentRecord{40, 300, 0});
  main_.Put(PeakResidentRecord{60, 300, 0});
  other_.Put(PeakResidentRecord{20, 200, 0});
  other_.Put(PeakResidentRecord{50, 299, 0});
  const ResidentCourse course = ProfileOf(dump_).heap.peak_resident;
  EXPECT_EQ(PointsOf(course), (Points{{10, 100}, {20, 200}, {40, 300}, {60, 300}}));
  EXPECT_EQ(course.before_exec_bytes, 0u);
}

TEST_F(PeakResidentTest, WhatAnEarlierProgramHadIsABoundAndNoPoint) {
  main_.Put(PeakResidentRecord{10, 500, kPeakBeforeExec});
  main_.Put(PeakResidentRecord{20, 500, kPeakBeforeExec});
  main_.Put(PeakResidentRecord{30, 600, 0});
  Profile profile = ProfileOf(dump_);
  EXPECT_EQ(PointsOf(profile.heap.peak_resident), (Points{{30, 600}}));
  const nlohmann::json heap = nlohmann::json::parse(JsonReportOf(&profile)).at("heap");
  EXPECT_EQ(heap.at("peak_resident_before_exec"), 500);
  EXPECT_EQ(heap.at("peak_resident"), nlohmann::json::array({{{"time_ns", 30}, {"bytes", 600}}}));
}

// The kernel's two counts differ by some pages.
TEST_F(PeakResidentTest, IsNotLessThanWhatIsResidentAtTheEnd) {
  main_.Put(PeakResidentRecord{10, 100, 0});
  main_.Put(MemoryRecord{.time = 20,
                         .anonymous = 70,
                         .file = 30,
                         .shared = 5,
                         .stack = 1,
                         .swapped = 1,
                         .mapped = 1000,
                         .dump = 10});
  EXPECT_EQ(PointsOf(ProfileOf(dump_).heap.peak_resident), (Points{{10, 100}, {20, 105}}));
}

TEST_F(PeakResidentTest, TimesThatGoBackAndAbsurdSizesLeaveACourseThatNeverFalls) {
  for (const uint64_t time : {uint64_t{500}, uint64_t{100}, kMost, uint64_t{0}, kMost - 1}) {
    main_.Put(PeakResidentRecord{time, time * 3, time % 2});
    other_.Put(PeakResidentRecord{time, kMost - time, kMost});
  }
  main_.Put(PeakResidentRecord{7, kMost, 0});
  Profile profile = ProfileOf(dump_);
  const Points points = PointsOf(profile.heap.peak_resident);
  ASSERT_FALSE(points.empty());
  for (size_t i = 1; i < points.size(); ++i) {
    EXPECT_GE(points[i].first, points[i - 1].first) << i;
    EXPECT_GE(points[i].second, points[i - 1].second) << i;
  }
  EXPECT_FALSE(TextReportOf(&profile).empty());
  EXPECT_TRUE(nlohmann::json::accept(JsonReportOf(&profile)));
  EXPECT_FALSE(HtmlReportOf(&profile).empty());
  EXPECT_TRUE(nlohmann::json::accept(ExportOf(&profile, "chrome")));
}

TEST_F(PeakResidentTest, OfMoreReadingsThanAnyAgentMakesAPartStaysAndTheGreatest) {
  constexpr uint64_t kReadings = 10 * PeakResident::kMost;
  for (uint64_t i = 0; i < kReadings; ++i) {
    main_.Put(PeakResidentRecord{kReadings - i, kReadings - i, 0});
    other_.Put(PeakResidentRecord{i, i, 0});
  }
  const Points points = PointsOf(ProfileOf(dump_).heap.peak_resident);
  EXPECT_GT(points.size(), PeakResident::kMost / 4);
  EXPECT_LE(points.size(), PeakResident::kMost);
  EXPECT_EQ(points.back(), (std::pair{kReadings, kReadings}));
  for (const auto& [time_ns, bytes] : points) EXPECT_LE(bytes, time_ns) << "not before it was so";
}

TEST_F(PeakResidentTest, TheTraceHasACounterAndTheTextALine) {
  main_.Put(PeakResidentRecord{10, 1 << 20, 0});
  main_.Put(PeakResidentRecord{20, 3 << 20, 0});
  main_.Put(PeakResidentRecord{900, 3 << 20, 0});
  Profile profile = ProfileOf(dump_);
  EXPECT_NE(TextReportOf(&profile).find("peak RSS     3.00 MiB, reached by 20 ns"),
            std::string::npos)
      << TextReportOf(&profile);
  Points counted;
  const nlohmann::json trace = nlohmann::json::parse(ExportOf(&profile, "chrome"));
  for (const nlohmann::json& event : trace.at("traceEvents")) {
    if (event.at("name") != "peak resident") continue;
    EXPECT_EQ(event.at("ph"), "C");
    counted.emplace_back(std::llround(event.at("ts").get<double>() * 1000),
                         event.at("args").at("bytes").get<uint64_t>());
  }
  EXPECT_EQ(counted, PointsOf(profile.heap.peak_resident));
}

// Peaks of different times and processes have no sum over time.
TEST_F(PeakResidentTest, SumsOfProcessesHaveNone) {
  main_.Alloc(5, 0x1000, 8, 0);
  main_.Put(PeakResidentRecord{10, 1 << 20, 0});
  std::vector<Profile> profiles;
  profiles.push_back(ProfileOf(dump_));
  profiles.push_back(ProfileOf(dump_));
  const nlohmann::json report = nlohmann::json::parse(JsonReportOf(std::move(profiles)));
  EXPECT_EQ(report.at("processes").size(), 2u);
  EXPECT_FALSE(report.at("heap").contains("peak_resident"));
  for (const nlohmann::json& process : report.at("processes"))
    EXPECT_EQ(process.at("heap").at("peak_resident").size(), 1u);
}

}  // namespace
}  // namespace perfagent::test
