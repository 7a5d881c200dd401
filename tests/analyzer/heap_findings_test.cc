#include "analyzer/findings/heap_findings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kHour = 3600 * kSecond;

class HeapFindings : public testing::Test {
 protected:
  HeapFindings() : stream_(dump_.AddStream()) {
    stream_.Thread(0, 1, "main");
    std::snprintf(dump_.header().allocator, sizeof dump_.header().allocator, "/lib/libc.so.6");
  }

  void RanFor(uint64_t ns) { dump_.header().end_ticks = ns; }
  Findings Find(std::optional<uint64_t> memory_limit = std::nullopt) {
    const Profile profile = ProfileOf(dump_);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    Findings findings = FindHeapProblems({profile, names}, {}, memory_limit);
    for (Finding& finding : findings) {
      EXPECT_FALSE(finding.title.empty() || finding.evidence.empty() || finding.gain.empty() ||
                   finding.remedy.empty());
      finding.where = {};  // its names are gone
    }
    return findings;
  }
  std::vector<std::string> Kinds() {
    std::vector<std::string> kinds;
    for (const Finding& finding : Find()) kinds.emplace_back(finding.kind);
    return kinds;
  }
  using Expected = std::vector<std::string>;

  // A block of `size` bytes every second for an hour, each freed when so many newer ones are there.
  void Insert(uint64_t size, uint64_t kept, uint64_t stack) {
    RanFor(kHour);
    for (uint64_t second = 1; second < 3600; ++second) {
      stream_.Alloc(second * kSecond, AddressOf(second), size, stack);
      if (second > kept) stream_.Free(second * kSecond + 1, AddressOf(second - kept));
    }
  }
  static uint64_t AddressOf(uint64_t i) { return 0x100000 + i * 0x1000; }

  DumpBuilder dump_;
  StreamBuilder& stream_;
};

TEST_F(HeapFindings, NothingIsFoundInAnEmptyRecording) { EXPECT_EQ(Kinds(), Expected{}); }

// 3600 blocks of 1000 bytes in an hour: 3.43 MiB.
TEST_F(HeapFindings, ALeakGrowsAtItsRate) {
  Insert(1000, 10'000, dump_.Stack({0x401000}));
  const Findings findings = Find();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_STREQ(findings[0].kind, "leak");
  EXPECT_EQ(findings[0].title, "memory grows by 3.43 MiB an hour, and what is old stays");
  EXPECT_EQ(findings[0].confidence, Confidence::kHigh);
}

// 1000 bytes a second: of a limit of 12.6 MB 9 MB are left for two and a half hours, and a peak of 3.6 MB doubles in one.
TEST_F(HeapFindings, ALeakSaysWhenTheLimitIsReached) {
  Insert(1000, 10'000, dump_.Stack({0x401000}));
  const auto time_left = [](const Findings& findings) { return findings.at(0).evidence.back(); };
  EXPECT_TRUE(
      time_left(Find(12'650'000))
          .starts_with(
              "at this rate the process takes its limit, 12.1 MiB, in 2 h 30 min, between 2 h "))
      << time_left(Find(12'650'000));
  EXPECT_TRUE(time_left(Find()).starts_with(
      "at this rate the heap takes twice its peak, 6.86 MiB, in 59 min"))
      << time_left(Find());
  EXPECT_NE(time_left(Find(1000)).find("in 0 ns"), std::string::npos) << "it is beyond already";
}

TEST_F(HeapFindings, WhatIsKeptForAWhileHasAPlateau) {
  Insert(1000, 1200, dump_.Stack({0x401000}));
  EXPECT_EQ(Kinds(), Expected{"plateau"});
}

TEST_F(HeapFindings, WhatIsKeptForAMomentIsNothing) {
  Insert(1000, 120, dump_.Stack({0x401000}));
  EXPECT_EQ(Kinds(), Expected{});
}

// What a server frees when it is told to end was kept for as long as it ran, and was known to it.
TEST_F(HeapFindings, WhatIsFreedAtTheEndIsNoLeak) {
  Insert(1000, 10'000, dump_.Stack({0x401000}));
  for (uint64_t second = 1; second < 3600; ++second)
    stream_.Free(kHour - kSecond + second, AddressOf(second));
  const Findings findings = Find();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_STREQ(findings[0].kind, "cache");
  EXPECT_TRUE(findings[0].title.ends_with("and is freed only when the program ends"));
}

// The same growth, but half of what was old is gone: every second block ends after twenty minutes.
TEST_F(HeapFindings, AGrowingCacheFreesWhatIsOld) {
  const uint64_t stack = dump_.Stack({0x401000});
  RanFor(kHour);
  for (uint64_t second = 1; second < 3600; ++second) {
    stream_.Alloc(second * kSecond, AddressOf(second), 1000, stack);
    if (second > 1200 && second % 2 == 0)
      stream_.Free(second * kSecond + 1, AddressOf(second - 1200));
  }
  EXPECT_EQ(Kinds(), Expected{"cache"});
}

TEST_F(HeapFindings, WhatTheProgramBeginsWithIsNoGrowth) {
  const uint64_t stack = dump_.Stack({0x401000});
  RanFor(kHour);
  for (uint64_t i = 1; i < 3600; ++i) stream_.Alloc(i * kSecond / 100, AddressOf(i), 1000, stack);
  EXPECT_EQ(Kinds(), Expected{});
}

TEST_F(HeapFindings, ARecordingOfLessThanASecondIsAllBeginning) {
  const uint64_t stack = dump_.Stack({0x401000});
  RanFor(kSecond - 1000);
  for (uint64_t i = 1; i < 3600; ++i) stream_.Alloc(i * 250'000, AddressOf(i), 1000, stack);
  EXPECT_EQ(Kinds(), Expected{});
}

// ---- growth by steps ------------------------------------------------------------------------

class GrowthSteps : public HeapFindings {
 protected:
  // Arrays of 64 to 4096 bytes, each block freed when the next one is there.
  void GrowArrays(uint64_t free_later_by) {
    const uint64_t stack = dump_.Stack({0x401000});
    uint64_t time = 1, next = 0;
    for (int array = 0; array < 1000; ++array) {
      uint64_t before = 0;
      for (uint64_t size = 64; size <= 4096; size *= 2) {
        const uint64_t block = AddressOf(next++ % 1000);
        stream_.Alloc(time++, block, size, stack);
        for (uint64_t i = 0; i < free_later_by; ++i) {
          stream_.Alloc(time++, 0x10, 1, other_);
          stream_.Free(time++, 0x10);
        }
        if (before != 0) stream_.Free(time++, before);
        before = block;
      }
      stream_.Free(time++, before);
    }
    RanFor(time);
  }

  const uint64_t other_ = dump_.Stack({0x402000});
};

// 64 + 128 + ... + 2048 bytes, a thousand times: 3.85 MiB.
TEST_F(GrowthSteps, AreAddedUp) {
  GrowArrays(0);
  const Findings findings = Find();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_STREQ(findings[0].kind, "growth_chain");
  EXPECT_EQ(findings[0].title, "arrays grow step by step: 3.85 MiB copied on the way");
  EXPECT_EQ(findings[0].evidence[1], "about 6 steps for each of 1,000 arrays");
}

TEST_F(GrowthSteps, AreNoneWhenSomethingElseIsBetween) {
  GrowArrays(1);
  for (const std::string& kind : Kinds()) EXPECT_NE(kind, "growth_chain");
}

class Reallocs : public HeapFindings {
 protected:
  // Blocks that realloc moves from one to the other of two addresses, from `first` bytes on up.
  Findings Move(uint64_t first, uint64_t more, uint64_t address_a, uint64_t address_b) {
    const uint64_t stack = dump_.Stack({0x401000});
    stream_.Realloc(1, 0, address_a, first, stack, 1, kReallocBeginsNew);
    uint64_t time = 10, from = address_a, to = address_b;
    for (uint64_t i = 1; i < 30; ++i) {
      stream_.Realloc(time, from, to, first + i * more, stack);
      time += 10;
      std::swap(from, to);
    }
    RanFor(time);
    return Find();
  }
};

TEST_F(Reallocs, OfLargeBlocksThatMoveAreCopies) {
  // Of 29 blocks: 29 MiB and 0 + 1 + ... + 28 halves of one.
  const Findings findings = Move(1 << 20, 512 << 10, 0x7000040, 0x9000040);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_STREQ(findings[0].kind, "large_realloc");
  EXPECT_EQ(findings[0].title, "realloc copied 232 MiB of large blocks");
}

TEST_F(Reallocs, InPlaceCopyNothing) {
  EXPECT_TRUE(Move(1 << 20, 512 << 10, 0x7000040, 0x7000040).empty());
}

// Behind a header at the start of a page: glibc's mremap moves the pages.
TEST_F(Reallocs, OfMappedBlocksCopyNothing) {
  EXPECT_TRUE(Move(1 << 20, 512 << 10, 0x7000010, 0x9000010).empty());
}

// ---- threads --------------------------------------------------------------------------------

class HandedOver : public HeapFindings {
 protected:
  HandedOver() : other_(dump_.AddStream()) {
    stream_.Thread(0, 1, "producer");
    other_.Thread(0, 2, "consumer");
  }
  StreamBuilder& other_;
};

TEST_F(HandedOver, WhoMakesAndWhoFreesIsNamed) {
  const uint64_t stack = dump_.Stack({0x401000});
  for (uint64_t i = 0; i < 3000; ++i) {
    stream_.Alloc(i * 100 + 1, AddressOf(i), 100 + i % 50, stack);
    (i % 3 == 0 ? stream_ : other_).Free(i * 100 + 50, AddressOf(i));
  }
  RanFor(300'000);
  const Findings findings = Find();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_STREQ(findings[0].kind, "cross_thread");
  EXPECT_EQ(findings[0].title, "2,000 blocks are freed by another thread");
  EXPECT_EQ(findings[0].evidence[1], "made in \"producer\", freed in \"consumer\": 2,000");
}

TEST_F(HandedOver, NumaNodesAreNamedWhereThereAreSeveral) {
  const uint64_t stack = dump_.Stack({0x401000});
  other_.Put(NodeRecord{1, 1});
  for (uint64_t i = 0; i < 3000; ++i) {
    if (i == 1000) other_.Put(NodeRecord{i * 100, 0});
    stream_.Alloc(i * 100 + 1, AddressOf(i), 100 + i % 50, stack);
    other_.Free(i * 100 + 50, AddressOf(i));
  }
  RanFor(300'000);
  const Findings findings = Find();
  ASSERT_EQ(findings.size(), 1u);
  const std::vector<std::string>& evidence = findings[0].evidence;
  EXPECT_EQ(evidence[1],
            "made in \"producer\" on NUMA node 0, freed in \"consumer\" on NUMA node 0: 2,000");
  EXPECT_EQ(evidence[2],
            "made in \"producer\" on NUMA node 0, freed in \"consumer\" on NUMA node 1: 1,000");
  EXPECT_EQ(evidence[3], "freed on another NUMA node than they were made on: 1,000");
}

// Pairs of blocks, a line for each pair, made by one thread or by two.
TEST_F(HandedOver, SmallBlocksOfTwoInOneLineAreCandidates) {
  for (const bool are_two : {false, true}) {
    DumpBuilder dump;
    StreamBuilder& main = dump.AddStream();
    StreamBuilder& other = dump.AddStream();
    main.Thread(0, 1, "main");
    other.Thread(0, 2, "other");
    const uint64_t stack = dump.Stack({0x401000});
    for (uint64_t i = 0; i < 100; ++i) {
      main.Alloc(i + 1, 0x10000 + i * 64, 24, stack);
      (are_two ? other : main).Alloc(i + 1, 0x10000 + i * 64 + 32, 24, stack);
    }
    main.Alloc(999, 0x90000, 24, stack);
    dump.header().end_ticks = 1000;
    const Profile profile = ProfileOf(dump);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    const Findings findings = FindHeapProblems({profile, names}, {}, std::nullopt);
    ASSERT_EQ(findings.size(), are_two ? 1u : 0u);
    if (!are_two) continue;
    EXPECT_STREQ(findings[0].kind, "false_sharing");
    EXPECT_TRUE(findings[0].evidence[0].starts_with("100 lines of 64 bytes"))
        << findings[0].evidence[0];
  }
}

// ---- moments --------------------------------------------------------------------------------

class Bursts : public HeapFindings {
 protected:
  // Two seconds with a call each millisecond, and `bursts` moments of 12,000 calls.
  void Churn(uint64_t bursts) {
    const uint64_t usual = dump_.Stack({0x401000}), burst = dump_.Stack({0x402000});
    RanFor(2 * kSecond);
    for (uint64_t i = 1; i < 2000; ++i) {
      const uint64_t time = i * kSecond / 1000;
      stream_.Alloc(time, 0x10, 1, usual);
      stream_.Free(time + 1, 0x10);
      const bool is_burst = i % 200 == 100 && i > 400 && i < 400 + 200 * bursts;
      for (uint64_t n = 0; is_burst && n < 12'000; ++n) {
        stream_.Alloc(time + 2 * n + 2, AddressOf(n % 64), 100 + n % 7, burst);
        stream_.Free(time + 2 * n + 3, AddressOf(n % 64));
      }
    }
  }
};

TEST_F(Bursts, AreCounted) {
  Churn(3);
  const Findings findings = Find();
  const auto found = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.kind == std::string("churn_burst");
  });
  ASSERT_NE(found, findings.end());
  EXPECT_TRUE(found->title.starts_with("allocations come in bursts: 3 times, of up to 12,0"))
      << found->title;
}

// Each of these blocks stands for 131,000.
TEST_F(Bursts, OfAFewSamplesAreChance) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1 << 20;
  const uint64_t stack = dump_.Stack({0x401000});
  RanFor(2 * kSecond);
  for (uint64_t i = 0; i < 30; ++i) {
    const uint64_t time = kSecond / 2 + i / 5 * kSecond / 8 + i % 5 * 2;
    stream_.Alloc(time, AddressOf(i), 7, stack);
    stream_.Free(time + 1, AddressOf(i));
  }
  for (const std::string& kind : Kinds()) EXPECT_NE(kind, "churn_burst");
}

TEST_F(Bursts, OneOrTwoAreChance) {
  Churn(2);
  for (const std::string& kind : Kinds()) EXPECT_NE(kind, "churn_burst");
}

// ---- time in the allocator ------------------------------------------------------------------

// Recordings of a tenth of a second, in which 2,000 calls are timed and 100 of them take 100 us.
class TimedCalls : public HeapFindings {
 protected:
  TimedCalls() { RanFor(kSecond / 10); }

  void PutCalls(HeapApi api, uint64_t size, uint64_t slow) {
    for (uint64_t i = 0; i < 2000; ++i) {
      const uint64_t took = i % 2000 < slow ? 100'000 : 100;
      stream_.Put(AllocatorCallRecord{api, 1000 + i, took, size, size, 1, 0});
    }
  }
  void HasAnotherThread() { dump_.AddStream().Thread(0, 2, "worker"); }
};

TEST_F(TimedCalls, FreesThatTakeLongHaveWaitedForOtherThreads) {
  HasAnotherThread();
  PutCalls(HeapApi::kMalloc, 1000, 100);
  PutCalls(HeapApi::kFree, 0, 100);
  const Findings findings = Find();
  ASSERT_EQ(findings.size(), 1u) << "and nothing else is said of these calls";
  EXPECT_STREQ(findings[0].kind, "allocator_contention");
  EXPECT_EQ(findings[0].gains.time_ns->value, 2 * (100 * 100'000 + 1900 * 100));
}

TEST_F(TimedCalls, WhereOneThreadRunsThereIsNobodyToWaitFor) {
  PutCalls(HeapApi::kMalloc, 1000, 100);
  PutCalls(HeapApi::kFree, 0, 100);
  EXPECT_EQ(Kinds(), Expected{"allocator_latency"});
}

TEST_F(TimedCalls, AllocationsAloneMayBeSlowByThemselves) {
  HasAnotherThread();
  PutCalls(HeapApi::kMalloc, 1000, 100);
  PutCalls(HeapApi::kFree, 0, 0);
  EXPECT_EQ(Kinds(), Expected{"allocator_latency"});
}

TEST_F(TimedCalls, FreesOfMappedBlocksCallTheKernel) {
  HasAnotherThread();
  const uint64_t stack = dump_.Stack({0x401000});
  for (uint64_t i = 0; i < 100; ++i) {
    stream_.Alloc(2 * i + 1, 0x10000000, 1 << 20, stack);
    stream_.Free(2 * i + 2, 0x10000000);
  }
  PutCalls(HeapApi::kFree, 0, 100);
  EXPECT_EQ(Kinds(), Expected{"allocator_latency"});
}

TEST_F(TimedCalls, FewSlowOnesAreThreadsThatLostTheProcessor) {
  HasAnotherThread();
  PutCalls(HeapApi::kMalloc, 1000, 15);
  PutCalls(HeapApi::kFree, 0, 15);
  EXPECT_EQ(Kinds(), Expected{});
}

}  // namespace
}  // namespace perfagent::test
