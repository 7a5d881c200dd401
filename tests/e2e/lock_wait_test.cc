// Waits for mutexes and rwlocks, and releases while others wait, against what programs know of their own: hot_lock makes
// every wait certain, and takes its clock just outside each call.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

bool IsLock(const nlohmann::json& object) {
  return object.at("kind") == "mutex" || object.at("kind") == "rwlock";
}

// Threads and barriers are waited for, too.
nlohmann::json OnlyLock(const nlohmann::json& report) {
  std::vector<nlohmann::json> locks;
  for (const nlohmann::json& object : report.at("locks").at("objects")) {
    if (IsLock(object)) locks.push_back(object);
  }
  EXPECT_EQ(locks.size(), 1u) << report.at("locks").dump(1);
  return locks.at(0);
}

double Exactly(const nlohmann::json& number) {
  const Estimate estimate = ToEstimate(number);
  EXPECT_TRUE(estimate.IsExact());
  return estimate.value;
}

// Releases while others waited, in the function of the program.
double ReleasedBy(const nlohmann::json& lock, const std::string& function) {
  double released = 0;
  for (const nlohmann::json& releaser : lock.at("releasers")) {
    if (IsFunction(releaser.at("function"), function)) {
      released += Exactly(releaser.at("released_awaited"));
    }
  }
  return released;
}

// Kinds of hot_lock.
bool IsMutex(const std::string& kind) { return kind == "mutex" || kind == "recursive"; }

// Kind of hot_lock, and mode.
class HotLock : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(HotLock, WaitsAndAwaitedReleasesAreTheProgramsOwn) {
  const auto& [kind, mode] = GetParam();
  const Recording recording = Record({TestProgram("hot_lock"), kind}, {{"MODE", mode}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
  const nlohmann::json lock = OnlyLock(report);
  EXPECT_EQ(lock.at("kind"), IsMutex(kind) ? "mutex" : "rwlock");
  EXPECT_EQ(Exactly(lock.at("contended")), truth.Number("contended"));
  // Each reported wait lies within the program's outer clocks, and holds the time in which it was asleep for certain.
  const double wait_ns = Exactly(lock.at("wait_ns"));
  EXPECT_LE(wait_ns, truth.Number("outer_ns"));
  EXPECT_GE(wait_ns, truth.Number("inner_ns"));
  EXPECT_EQ(ReleasedBy(lock, "ReleaseByHolder"), truth.Number("by_holder"));
  EXPECT_EQ(ReleasedBy(lock, "ReleaseByWaiter"), truth.Number("by_waiters"));
  EXPECT_EQ(Exactly(lock.at("released_awaited")),
            truth.Number("by_holder") + truth.Number("by_waiters"));
}

TEST_P(HotLock, ReadersAndWritersAreApart) {
  const auto& [kind, mode] = GetParam();
  const Recording recording = Record({TestProgram("hot_lock"), kind}, {{"MODE", mode}});
  const double waits = ParseTruth(recording.process.out).front().Number("contended");
  const nlohmann::json report = Report(recording.dump());
  const nlohmann::json lock = OnlyLock(report);
  ASSERT_EQ(lock.at("callers").size(), 1u) << "the holder never waits";
  const std::string api = lock.at("callers").at(0).at("api");
  if (IsMutex(kind)) {
    EXPECT_TRUE(lock.at("readers").is_null());
    EXPECT_TRUE(lock.at("writers").is_null());
    EXPECT_EQ(api, "pthread_mutex_lock");
    return;
  }
  const bool they_read = kind == "readers";
  EXPECT_EQ(Exactly(lock.at("readers").at("contended")), they_read ? waits : 0);
  EXPECT_EQ(Exactly(lock.at("writers").at("contended")), they_read ? 0 : waits);
  EXPECT_EQ(lock.at(kind).at("wait_ns"), lock.at("wait_ns"));
  EXPECT_EQ(api, they_read ? "pthread_rwlock_rdlock" : "pthread_rwlock_wrlock");
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, HotLock,
    testing::Combine(testing::Values("mutex", "recursive", "readers", "writers"),
                     testing::Values("full", "sample")),
    [](const auto& info) { return std::get<0>(info.param) + "_" + std::get<1>(info.param); });

// Wait by wait, the middle one of 25: a thread may be kept from running between the program's clock and the agent's.
TEST(HotLockInFullMode, AWaitIsWithinAThousandthOfTheProgramsOwn) {
  for (const char* kind : {"mutex", "readers", "writers"}) {
    SCOPED_TRACE(kind);
    const Recording recording =
        Record({TestProgram("hot_lock"), kind, "1", "25", "20000"}, {{"MODE", "full"}});
    std::vector<double> reported, own, differences;
    ForEachEvent(recording.dump(), [&](const Event& event) {
      if (event.api == "pthread_join") return;
      for (const std::string& field : event.fields) {
        if (field.starts_with("wait=")) reported.push_back(std::stod(field.substr(5)));
      }
    });
    for (const std::string& line : Lines(recording.process.out)) {
      if (line.starts_with("wait ")) own.push_back(std::stod(line.substr(5)));
    }
    ASSERT_EQ(own.size(), 25u);
    ASSERT_EQ(reported.size(), own.size());
    for (size_t i = 0; i < own.size(); ++i) {
      EXPECT_LE(reported[i], own[i]) << i;
      differences.push_back((own[i] - reported[i]) / own[i]);
    }
    std::sort(differences.begin(), differences.end());
    EXPECT_LT(differences[differences.size() / 2], 0.001);
  }
}

class RwlockCounts : public testing::TestWithParam<std::string> {};

TEST_P(RwlockCounts, AreTheProgramsOwn) {
  for (const char* mode : {"full", "sample"}) {
    SCOPED_TRACE(mode);
    const Recording recording =
        RecordLikeBare({TestProgram("rwlock_counts"), GetParam()}, {.settings = {{"MODE", mode}}});
    const ProcessTruth truth = ParseTruth(recording.process.out).front();
    const nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
    EXPECT_EQ(ContendedWaits(report), truth.Number("contended"));
    double read_waits = 0, write_waits = 0;
    for (const nlohmann::json& lock : report.at("locks").at("objects")) {
      if (!IsLock(lock)) continue;
      read_waits += Exactly(lock.at("readers").at("contended"));
      write_waits += Exactly(lock.at("writers").at("contended"));
    }
    EXPECT_EQ(read_waits, truth.Number("read_waits"));
    EXPECT_EQ(write_waits, truth.Number("write_waits"));
    if (std::string(mode) == "sample") continue;
    EXPECT_EQ(Exactly(report.at("locks").at("acquisitions")), truth.Number("acquisitions"));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, RwlockCounts,
                         testing::Values("written", "read", "refused_try", "refused_at_once",
                                         "shared_mutex"),
                         [](const auto& info) { return info.param; });

// One in 16,384: over 80,000 pairs in each of 8 runs, 39 are expected; the bounds are five standard deviations away.
TEST(RwlockInSampledMode, AcquisitionsAreEstimated) {
  double sum = 0;
  constexpr double kRuns = 8, kInEach = 80000;
  for (int seed = 1; seed <= kRuns; ++seed) {
    const Recording recording = Record({TestProgram("rwlock_pairs"), "80000"},
                                       {{"MODE", "sample"}, {"SEED", std::to_string(seed)}});
    ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    sum += ToEstimate(Report(recording.dump()).at("locks").at("acquisitions")).value;
  }
  EXPECT_GT(sum, 0.2 * kRuns * kInEach);
  EXPECT_LT(sum, 1.8 * kRuns * kInEach);
}

// The lock is gone while its last owner may still be inside unlock.
TEST(Rwlocks, AreNotTouchedOnceTheNextOwnerMayHaveThem) {
  for (const char* mode : {"full", "sample"}) {
    const Recording recording =
        RecordLikeBare({TestProgram("unmapped_mutex"), "rwlock"}, {.settings = {{"MODE", mode}}});
    const nlohmann::json report = Report(recording.dump());
    EXPECT_GT(ContendedWaits(report), 0) << "there was somebody to hand it over to";
    double released = 0;
    for (const nlohmann::json& lock : report.at("locks").at("objects")) {
      if (IsLock(lock)) released += ToEstimate(lock.at("released_awaited")).value;
    }
    EXPECT_GT(released, 0) << "the slow path of unlock was taken";
  }
}

// In the child nobody waits: its unlocks are no events, and it leaves no dump.
TEST(WaitTable, OfAForkedChildIsEmpty) {
  for (const char* mode : {"full", "sample"}) {
    SCOPED_TRACE(mode);
    const Recording recording =
        RecordLikeBare({TestProgram("fork_beside_waiter")}, {.settings = {{"MODE", mode}}});
    ASSERT_EQ(recording.dumps.size(), 1u);
    const nlohmann::json report = Report(recording.dump());
    double released = 0;
    for (const nlohmann::json& lock : report.at("locks").at("objects")) {
      released += Exactly(lock.at("released_awaited"));
    }
    EXPECT_EQ(released, ParseTruth(recording.process.out).front().Number("released"));
  }
}

// Its parent's dump, which says what the thread waits for, is not mapped in the child.
TEST(Wait, MayGoOnInAChildThatAHandlerForked) {
  for (const char* mode : {"full", "sample"}) {
    SCOPED_TRACE(mode);
    const Recording recording =
        RecordLikeBare({TestProgram("fork_amid_wait")}, {.settings = {{"MODE", mode}}});
    EXPECT_EQ(ContendedWaits(Report(recording.dumps.front())), 1);
  }
}

}  // namespace
}  // namespace perfagent::test
