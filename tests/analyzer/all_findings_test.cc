#include "analyzer/findings/all_findings.h"

#include <gtest/gtest.h>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

// Recordings of a second, with three locks that are waited for and one deadlock.
class AllFindings : public testing::Test {
 protected:
  AllFindings() {
    SegmentBuilder& table = dump_.AddLockTable();
    table.PutSlot(0x9000, 0x401000, 10, 200'000'000);
    table.PutSlot(0x9100, 0x401000, 10, 800'000'000);
    table.PutSlot(0x9200, 0x401000, 10, 400'000'000);
    dump_.AddStream().current().SetWait(LockApi::kMutexLock, 0x9300, 50, 1, 1);
  }

  Findings Find(const Sections& sections) {
    const Profile profile = ProfileOf(dump_);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    return FindProblems({profile, names}, sections);
  }

  DumpBuilder dump_;
};

TEST_F(AllFindings, WhatCostsMostComesFirst) {
  std::vector<uint64_t> locks;
  for (const Finding& finding : Find({})) locks.push_back(finding.where.address);
  EXPECT_EQ(locks, (std::vector<uint64_t>{0x9300, 0x9100, 0x9200, 0x9000}));
}

TEST_F(AllFindings, AreOfTheSectionsThatAreShown) {
  EXPECT_TRUE(Find({.churn = true, .leaks = true, .contention = false}).empty());
}

TEST_F(AllFindings, OpenTheReport) {
  Profile profile = ProfileOf(dump_);
  const std::string text = TextReportOf(&profile);
  EXPECT_LT(text.find("\nFINDINGS\n  deadlock: "), text.find("\nHEAP\n")) << text;
}

}  // namespace
}  // namespace perfagent::test
