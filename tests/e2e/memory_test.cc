// How long the allocator takes, and what resident memory consists of, against programs that know it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

class Memory : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, Memory, testing::Values("full", "sample"),
                         [](const auto& mode) { return std::string(mode.param); });

const nlohmann::json* Latency(const nlohmann::json& report, const std::string& call,
                              const nlohmann::json& size_at_most) {
  for (const nlohmann::json& entry : report.at("heap").at("latency").at(call).at("sizes")) {
    if (entry.at("size_at_most") == size_at_most) return &entry;
  }
  return nullptr;
}

// 2,000 calls, of which one in 61 was timed at least.
void ExpectCalls(const nlohmann::json& entry) {
  const Estimate calls = ToEstimate(entry.at("calls"));
  EXPECT_TRUE(calls.Contains(2000)) << entry.dump();
}

constexpr uint64_t kSlowNs = 300'000;

long CountKind(const nlohmann::json& findings, const std::string& kind) {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const nlohmann::json& finding) { return finding.at("kind") == kind; });
}

// The same calls, of libc's allocator.
TEST_P(Memory, AQuickAllocatorIsNotAccused) {
  const Recording recording = Record({TestProgram("memory_use"), "calls"}, {{"MODE", GetParam()}});
  const nlohmann::json findings = Report(recording.dump()).at("findings");
  EXPECT_EQ(CountKind(findings, "allocator_latency"), 0) << findings.dump(1);
}

// Small blocks are sampled often enough for their calls to be timed as those of the others: a third is then a third.
TEST_P(Memory, SlowCallsOfTheAllocatorAreToldFromOthers) {
  const std::string allocator = BuildDir() / "tests/programs/libslow_allocator.so";
  const Recording recording =
      Record({TestProgram("memory_use"), "calls"},
             {{"MODE", GetParam()}, {"INTERVAL", "1000"}, {"LD_PRELOAD", allocator}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const nlohmann::json report = Report(recording.dump());
  const nlohmann::json* quick = Latency(report, "malloc", 128);
  const nlohmann::json* slow = Latency(report, "malloc", 16384);
  ASSERT_NE(quick, nullptr) << report.at("heap").at("latency").dump();
  ASSERT_NE(slow, nullptr) << report.at("heap").at("latency").dump();
  ExpectCalls(*quick);
  ExpectCalls(*slow);
  EXPECT_LT(quick->at("p50_ns"), kSlowNs);
  EXPECT_GE(slow->at("p50_ns"), kSlowNs);
  EXPECT_GE(slow->at("max_ns"), slow->at("p99_ns"));
  const nlohmann::json* frees = Latency(report, "free", nullptr);
  ASSERT_NE(frees, nullptr);
  const nlohmann::json& findings = report.at("findings");
  ASSERT_EQ(CountKind(findings, "allocator_latency"), 1) << findings.dump(1);
  // A third of them is slow.
  EXPECT_LT(frees->at("p50_ns"), kSlowNs);
  EXPECT_GE(frees->at("p99_ns"), kSlowNs);
}

TEST_P(Memory, ThePartsOfResidentMemoryAddUpToWhatTheKernelSays) {
  const Recording recording = Record({TestProgram("memory_use"), "grows"}, {{"MODE", GetParam()}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  double own = 0;
  ASSERT_EQ(sscanf(recording.process.out.c_str(), "resident %lf", &own), 1);
  const nlohmann::json report = Report(recording.dump());
  const nlohmann::json& resident = report.at("heap").at("resident");
  double sum = 0;
  for (const char* part : {"live", "rounding", "unexplained", "file", "shared", "dump"})
    sum += resident.at(part).get<double>();
  EXPECT_NEAR(sum, resident.at("total").get<double>(), 6) << "parts are whole bytes";
  constexpr double kMiB = 1 << 20;
  EXPECT_NEAR(sum, own, 4 * kMiB);
  EXPECT_NEAR(resident.at("live").get<double>(), 64 * kMiB, 8 * kMiB);
  const nlohmann::json& last = report.at("heap").at("memory_at_end");
  EXPECT_NEAR(last.at("anonymous").get<double>() + last.at("file").get<double>() +
                  last.at("shared").get<double>(),
              sum, 6);
}

}  // namespace
}  // namespace perfagent::test
