// What locks are called that no symbol and no block of the heap names: by the stack that they lie on, or by the file.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

using Json = nlohmann::json;

struct HomesRun {
  ProcessTruth truth;
  std::vector<Json> reports;  // one of each process

  HomesRun(const std::string& name, const std::string& mode) {
    const Recording recording = Record({Sample("lock_homes"), name}, {{"MODE", mode}});
    EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    truth = ParseTruth(recording.process.out).front();
    reports = ReportEach(recording.dumps);
  }
};

// The mutex that was waited for; there is one.
Json OnlyMutex(const Json& report) {
  std::vector<Json> mutexes;
  for (const Json& lock : report.at("locks").at("objects")) {
    if (lock.at("kind") == "mutex") mutexes.push_back(lock);
  }
  EXPECT_EQ(mutexes.size(), 1u) << report.at("locks").at("objects").dump(1);
  return mutexes.empty() ? Json() : mutexes.front();
}

class LockHomes : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Modes, LockHomes, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST_P(LockHomes, OnAStackAreNamedByTheFrameThatTheyLieIn) {
  for (const char* name : {"lent", "own"}) {
    SCOPED_TRACE(name);
    const HomesRun run(name, GetParam());
    ASSERT_EQ(run.reports.size(), 1u);
    const Json lock = OnlyMutex(run.reports.front());
    EXPECT_EQ(lock.at("address"), run.truth.values.at("address"));
    EXPECT_EQ(lock.at("named_by"), "frame");
    ASSERT_FALSE(lock.at("on_stack").is_null());
    EXPECT_EQ(lock.at("on_stack").at("name"), run.truth.values.at("thread"));
    const std::string function = lock.at("on_stack").at("frame").at("function");
    EXPECT_TRUE(IsFunction(function, run.truth.values.at("frame_of"))) << function;
    EXPECT_NE(lock.at("name").get<std::string>().find("in the frame of " + function),
              std::string::npos)
        << lock.at("name");
  }
}

TEST_P(LockHomes, AtAPlaceOfTwoFunctionsAreNamedByTheThreadAlone) {
  const HomesRun run("reused", GetParam());
  const Json lock = OnlyMutex(run.reports.at(0));
  EXPECT_EQ(lock.at("address"), run.truth.values.at("address"));
  EXPECT_EQ(lock.at("named_by"), "thread_stack");
  EXPECT_EQ(lock.at("on_stack").at("name"), run.truth.values.at("thread"));
  EXPECT_TRUE(lock.at("on_stack").at("frame").is_null());
}

TEST_P(LockHomes, InAFileAreTheSameInBothProcesses) {
  const HomesRun run("file", GetParam());
  ASSERT_EQ(run.reports.size(), 2u);
  for (const Json& report : run.reports) {
    const Json lock = OnlyMutex(report);
    EXPECT_EQ(lock.at("name"), run.truth.values.at("lock"));
    EXPECT_EQ(lock.at("named_by"), "mapping");
    EXPECT_EQ(lock.at("mapping").at("device"), run.truth.values.at("device"));
    EXPECT_EQ(lock.at("mapping").at("inode"), run.truth.Number("inode"));
    EXPECT_EQ(lock.at("mapping").at("offset"), run.truth.Number("offset"));
  }
  EXPECT_NE(OnlyMutex(run.reports[0]).at("address"), OnlyMutex(run.reports[1]).at("address"));
}

TEST_P(LockHomes, InAnonymousSharedMemoryAreTheSameInBothProcesses) {
  const HomesRun run("anonymous", GetParam());
  ASSERT_EQ(run.reports.size(), 2u);
  const Json first = OnlyMutex(run.reports[0]), second = OnlyMutex(run.reports[1]);
  EXPECT_EQ(first.at("named_by"), "mapping");
  EXPECT_EQ(first.at("mapping"), second.at("mapping"));
  EXPECT_EQ(first.at("mapping").at("offset"), run.truth.Number("offset"));
}

TEST_P(LockHomes, OfAllKindsAreFoundInSharedMemory) {
  const HomesRun run("kinds", GetParam());
  const Json& objects = run.reports.at(0).at("locks").at("objects");
  for (const char* kind : {"rwlock", "semaphore", "condition", "barrier"}) {
    SCOPED_TRACE(kind);
    const auto found = std::find_if(objects.begin(), objects.end(),
                                    [&](const Json& lock) { return lock.at("kind") == kind; });
    ASSERT_NE(found, objects.end()) << objects.dump(1);
    EXPECT_EQ(found->at("named_by"), "mapping");
    EXPECT_EQ(found->at("mapping").at("offset"), run.truth.Number(kind));
  }
}

TEST_P(LockHomes, MadeForSharingInPrivateMemoryKeepTheirSymbol) {
  const HomesRun run("private", GetParam());
  const Json lock = OnlyMutex(run.reports.at(0));
  EXPECT_EQ(lock.at("name"), run.truth.values.at("lock"));
  EXPECT_EQ(lock.at("named_by"), "symbol");
  EXPECT_TRUE(lock.at("mapping").is_null());
}

}  // namespace
}  // namespace perfagent::test
