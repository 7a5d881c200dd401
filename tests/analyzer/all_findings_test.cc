#include "analyzer/findings/all_findings.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

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

// Thirty waits of 200 ms together, by a caller at 0x601000, in a recording of a second.
class WaitsInTheAllocator : public testing::Test {
 protected:
  WaitsInTheAllocator() {
    dump_.AddStream().Thread(0, 1, "main");
    dump_.Module(0x400000, 0x500000, "/nonexistent/app");
    dump_.Module(0x600000, 0x700000, kAllocator);
    SegmentBuilder& table = dump_.AddLockTable();
    table.PutSlot(0x9000, 0x601000, 30, 200'000'000);
    // Its own way of waiting is to try many times first.
    LockTableEntry tries = {};
    tries.lock = 0x9000;
    tries.caller = 0x601000;
    tries.refused = 100'000;
    tries.thread = 1;
    tries.api = LockApi::kMutexTrylock;
    table.PutSlot(tries);
  }
  void ServedBy(const char* allocator) {
    std::snprintf(dump_.header().allocator, sizeof dump_.header().allocator, "%s", allocator);
  }
  std::vector<std::string> Kinds() {
    const Profile profile = ProfileOf(dump_);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    std::vector<std::string> kinds;
    for (const Finding& finding : FindProblems({profile, names}, {})) {
      kinds.emplace_back(finding.kind);
      EXPECT_EQ(finding.gains.time_ns.value_or(Estimate()).value,
                finding.gains.time_ns ? 200'000'000 : 0);
    }
    return kinds;
  }
  using Expected = std::vector<std::string>;

  static constexpr char kAllocator[] = "/nonexistent/libmalloc.so";
  DumpBuilder dump_;
};

TEST_F(WaitsInTheAllocator, AreItsContentionAndNoLocksOfTheProgram) {
  ServedBy(kAllocator);
  EXPECT_EQ(Kinds(), Expected{"allocator_contention"});
}

TEST_F(WaitsInTheAllocator, AreNoneWhereAnotherOneServesTheProgram) {
  ServedBy("/lib/x86_64-linux-gnu/libc.so.6");
  EXPECT_EQ(Kinds(), (Expected{"hot_lock", "polling"}));
}

}  // namespace
}  // namespace perfagent::test
