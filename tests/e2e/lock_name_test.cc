// What locks are called, and that one address may be several locks one after another.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

class HeapLocks : public testing::TestWithParam<std::string> {};

TEST_P(HeapLocks, AreNamedByTheAllocationThatTheyAreIn) {
  const Recording recording = Record({TestProgram("heap_locks")}, {{"MODE", GetParam()}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  ASSERT_EQ(truth.Number("same_address"), 1);
  const nlohmann::json report = Report(recording.dump());
  std::map<std::string, nlohmann::json> locks;
  for (const nlohmann::json& lock : report.at("locks").at("objects")) {
    if (!lock.at("is_lock").get<bool>()) continue;  // joined threads
    EXPECT_EQ(lock.at("named_by"), "allocation") << lock.dump(1);
    const nlohmann::json& block = lock.at("allocated_at");
    EXPECT_EQ(block.at("offset"), truth.Number("offset"));
    EXPECT_EQ(block.at("size"), truth.Number("size"));
    EXPECT_EQ(block.at("followed"), true);
    locks[lock.at("name")] = lock;
  }
  ASSERT_EQ(locks.size(), 2u) << report.at("locks").at("objects").dump(1);
  const nlohmann::json& cache = locks.at("MakeCache()+0x48");
  const nlohmann::json& pool = locks.at("MakePool()+0x48");
  EXPECT_EQ(cache.at("address"), pool.at("address"));
  EXPECT_NE(cache.at("generation"), pool.at("generation"));
  EXPECT_EQ(CountFrames(cache.at("allocated_at").at("stack"), "MakeCache"), 1u);
  for (const auto& [lock, contended] :
       {std::pair(cache, "cache_contended"), std::pair(pool, "pool_contended")}) {
    const Estimate waits = ToEstimate(lock.at("contended"));
    EXPECT_EQ(waits.value, truth.Number(contended));
    EXPECT_TRUE(waits.IsExact()) << "waits that long were all kept";
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, HeapLocks, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST(StaticLocks, AreNamedByTheirSymbol) {
  const Recording recording = Record({TestProgram("hot_lock"), "mutex"}, {});
  const nlohmann::json report = Report(recording.dump());
  const nlohmann::json& lock = report.at("locks").at("objects").at(0);
  EXPECT_EQ(lock.at("name"), "hot_lock");
  EXPECT_EQ(lock.at("named_by"), "symbol");
  EXPECT_EQ(lock.at("generation"), 0);
  EXPECT_TRUE(lock.at("allocated_at").is_null());
}

}  // namespace
}  // namespace perfagent::test
