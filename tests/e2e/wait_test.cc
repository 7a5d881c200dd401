// Waits for what is no mutex or rwlock, and the calls that end them, against what programs know of their own: wait_counts
// makes every wait certain. (What every call returns: entry_points_test.cc.)
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

std::vector<nlohmann::json> ObjectsOf(const nlohmann::json& report, const std::string& kind) {
  std::vector<nlohmann::json> objects;
  for (const nlohmann::json& object : report.at("locks").at("objects")) {
    if (object.at("kind") == kind) objects.push_back(object);
  }
  return objects;
}

// A number of all objects together, exact in both modes.
double SumOf(const std::vector<nlohmann::json>& objects, const std::string& key) {
  double sum = 0;
  for (const nlohmann::json& object : objects) {
    const Estimate estimate = ToEstimate(object.at(key));
    EXPECT_TRUE(estimate.IsExact());
    sum += estimate.value;
  }
  return sum;
}

struct Case {
  const char* name;
  const char* kind;
};
void PrintTo(const Case& waits, std::ostream* out) { *out << waits.name; }

class WaitCounts : public testing::TestWithParam<Case> {};

TEST_P(WaitCounts, AreTheProgramsOwn) {
  for (const char* mode : {"full", "sample"}) {
    SCOPED_TRACE(mode);
    const Recording recording = RecordLikeBare({TestProgram("wait_counts"), GetParam().name},
                                               {.settings = {{"MODE", mode}}});
    const ProcessTruth truth = ParseTruth(recording.process.out).front();
    const nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
    const std::vector<nlohmann::json> objects = ObjectsOf(report, GetParam().kind);
    EXPECT_EQ(SumOf(objects, "waits_ended"), truth.Number("waits"));
    EXPECT_EQ(SumOf(objects, "released_awaited"), truth.Number("released"));
    const bool is_idle = std::string(GetParam().kind) == "condition";
    EXPECT_GT(SumOf(objects, is_idle ? "idle_ns" : "wait_ns"), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, WaitCounts,
                         testing::Values(Case{"conditions", "condition"}, Case{"c11", "condition"},
                                         Case{"semaphores", "semaphore"},
                                         Case{"barriers", "barrier"}, Case{"once", "once"},
                                         Case{"futexes", "futex"}, Case{"spin", "spin lock"},
                                         Case{"handed", "mutex"}),
                         [](const auto& info) { return info.param.name; });

TEST(Joins, AreWaitsForTheirThread) {
  const Recording recording = RecordLikeBare({TestProgram("wait_counts"), "threads"}, {});
  const nlohmann::json report = Report(recording.dump());
  const double waits = ParseTruth(recording.process.out).front().Number("waits");
  EXPECT_EQ(SumOf(ObjectsOf(report, "thread"), "contended"), waits);
  EXPECT_EQ(ContendedWaits(report), 0) << "waiting for a thread is no contention";
}

TEST(ConditionWait, GivesTheMutexToThoseWhoWaitForIt) {
  const Recording recording = RecordLikeBare({TestProgram("wait_counts"), "handed"}, {});
  const nlohmann::json report = Report(recording.dump());
  const std::vector<nlohmann::json> mutexes = ObjectsOf(report, "mutex");
  ASSERT_EQ(mutexes.size(), 1u);
  double given = 0;
  for (const nlohmann::json& releaser : mutexes[0].at("releasers")) {
    if (IsFunction(releaser.at("function"), "GiveAway")) {
      given += ToEstimate(releaser.at("released_awaited")).value;
    }
  }
  EXPECT_EQ(given, ParseTruth(recording.process.out).front().Number("waits"));
}

// In the middle of a record, of a wait that begins, of one that ends.
TEST(Semaphores, MayBePostedByHandlersThatInterruptTheAgent) {
  for (const char* mode : {"full", "sample"}) {
    SCOPED_TRACE(mode);
    const Recording recording =
        RecordLikeBare({TestProgram("posts")}, {.settings = {{"MODE", mode}}});
    EXPECT_GT(SumOf(ObjectsOf(Report(recording.dump()), "semaphore"), "contended"), 0);
  }
}

TEST(Waits, AreNotRecordedWithoutLocks) {
  const Recording recording =
      RecordLikeBare({TestProgram("wait_counts"), "semaphores"}, {.settings = {{"LOCKS", "0"}}});
  EXPECT_TRUE(Report(recording.dump()).at("locks").at("objects").empty());
}

}  // namespace
}  // namespace perfagent::test
