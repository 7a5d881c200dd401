#include "analyzer/replay/heap_replay.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "analyzer/replay/block_replay.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kStep = 100;  // ns between events: no two at one time

// One stream's heap, each event later than the one before.
class HeapReplayTest : public testing::Test {
 protected:
  HeapReplayTest() : main_(dump_.AddStream()) { main_.Thread(0, 1, "main"); }

  uint64_t Now() { return time_ += kStep; }
  HeapProfile Replay() { return ProfileOf(dump_).heap; }

  DumpBuilder dump_;
  StreamBuilder& main_;
  uint64_t time_ = 0;
};

TEST_F(HeapReplayTest, CountsCallsBytesAndWhatIsLeft) {
  main_.Alloc(Now(), 0x1000, 100, 0);
  main_.Alloc(Now(), 0x2000, 50, 0);
  main_.Free(Now(), 0x1000);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.total.allocations.value(), 2);
  EXPECT_EQ(heap.total.bytes.value(), 150);
  EXPECT_EQ(heap.total.frees.value(), 1);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 50);
  EXPECT_EQ(heap.total.leaked_blocks.value(), 1);
  EXPECT_EQ(heap.total.peak_bytes.value(), 150);
  EXPECT_TRUE(heap.total.bytes.Interval().IsExact());
}

TEST_F(HeapReplayTest, StackAndKindOfCallMakeASite) {
  const uint64_t a = dump_.Stack({0x401000, 0x402000});
  const uint64_t again = dump_.Stack({0x401000, 0x402000});
  const uint64_t b = dump_.Stack({0x401000, 0x403000});
  main_.Alloc(Now(), 0x1000, 1, a);
  main_.Alloc(Now(), 0x2000, 1, again);
  main_.Alloc(Now(), 0x3000, 1, b);
  main_.Alloc(Now(), 0x4000, 1, a, HeapApi::kCalloc);
  const HeapProfile heap = Replay();
  ASSERT_EQ(heap.sites.size(), 3u);
  EXPECT_EQ(heap.sites[0].metrics.allocations.value(), 2) << "two ids with the same frames are one";
}

TEST_F(HeapReplayTest, BlockFreedWithNoOtherAllocationBetweenIsTemporary) {
  main_.Alloc(Now(), 0x1000, 1, 0);
  main_.Free(Now(), 0x1000);  // temporary
  main_.Alloc(Now(), 0x1000, 1, 0);
  main_.Alloc(Now(), 0x2000, 1, 0);
  main_.Free(Now(), 0x2000);  // temporary
  main_.Free(Now(), 0x1000);  // not: 0x2000 came between
  EXPECT_EQ(Replay().total.temporary.value(), 2);
}

TEST_F(HeapReplayTest, ReallocIsAnAllocationAndEndsWithoutFree) {
  main_.Alloc(Now(), 0x1000, 10, 0);
  main_.Realloc(Now(), 0x1000, 0x2000, 30, 0);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.total.allocations.value(), 2);
  EXPECT_EQ(heap.total.bytes.value(), 40);
  EXPECT_EQ(heap.total.frees.value(), 0);
  EXPECT_EQ(heap.total.reallocations.value(), 1);
  EXPECT_EQ(heap.total.temporary.value(), 0);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 30);
  EXPECT_EQ(heap.total.peak_bytes.value(), 30);
}

TEST_F(HeapReplayTest, ReallocInPlaceReplacesTheBlock) {
  main_.Alloc(Now(), 0x1000, 10, 0);
  main_.Realloc(Now(), 0x1000, 0x1000, 30, 0);
  main_.Free(Now(), 0x1000);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.overlaps, 0u);
  EXPECT_EQ(heap.total.leaked_blocks.value(), 0);
  EXPECT_EQ(heap.total.temporary.value(), 1) << "the new block was freed at once";
}

TEST_F(HeapReplayTest, ReallocBetweenMakesABlockNotTemporary) {
  main_.Alloc(Now(), 0x1000, 10, 0);
  main_.Alloc(Now(), 0x2000, 10, 0);
  main_.Realloc(Now(), 0x1000, 0x3000, 30, 0);
  main_.Free(Now(), 0x2000);
  EXPECT_EQ(Replay().total.temporary.value(), 0);
}

TEST_F(HeapReplayTest, OldAddressOfReallocMayBeUsedByAnotherThreadBeforeItReturns) {
  StreamBuilder& other = dump_.AddStream();
  other.Thread(0, 2, "other");
  main_.Alloc(100, 0x1000, 10, 0);
  other.Alloc(150, 0x2000, 10, 0);
  // 200: 0x1000 ends. 210: the other thread gets 0x1000. 220: it gives 0x2000 back. 300: realloc
  // returns 0x2000.
  main_.Realloc(200, 0x1000, 0x2000, 20, 0, 100);
  other.Alloc(210, 0x1000, 10, 0);
  other.Free(220, 0x2000);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.overlaps, 0u);
  EXPECT_EQ(heap.unpaired_frees, 0u);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 30);
}

TEST_F(HeapReplayTest, FreeByAnotherThreadIsNeverTemporary) {
  StreamBuilder& other = dump_.AddStream();
  other.Thread(0, 2, "other");
  main_.Alloc(100, 0x1000, 10, 0);
  other.Free(200, 0x1000);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.total.temporary.value(), 0);
  EXPECT_EQ(heap.total.cross_thread_frees.value(), 1);
}

TEST_F(HeapReplayTest, NextOwnerOfAStreamIsAnotherThread) {
  main_.Alloc(Now(), 0x1000, 10, 0);
  main_.Thread(Now(), 2, "next");
  main_.Free(Now(), 0x1000);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.total.temporary.value(), 0);
  EXPECT_EQ(heap.total.cross_thread_frees.value(), 1);
}

TEST_F(HeapReplayTest, EndsWithoutABeginningAreCountedAsUnpaired) {
  main_.Free(Now(), 0x1000);
  main_.Realloc(Now(), 0x2000, 0x3000, 10, 0);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.unpaired_frees, 1u);
  EXPECT_EQ(heap.unpaired_reallocs, 1u);
  EXPECT_EQ(heap.total.frees.value(), 1) << "it was a call to free";
  EXPECT_EQ(heap.total.leaked_bytes.value(), 10);
}

TEST_F(HeapReplayTest, BlockAtALiveAddressReplacesItAndIsCounted) {
  main_.Alloc(Now(), 0x1000, 10, 0);
  main_.Alloc(Now(), 0x1000, 20, 0);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.overlaps, 1u);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 20);
  EXPECT_EQ(heap.total.frees.value(), 0);
}

// Two threads and one address: main frees the block of size 10 at 1000, other gets the address for
// its block of size 20. The clocks differ: the dump says that this was at 1000 - `skew`.
class InvertedClocksTest : public HeapReplayTest {
 protected:
  InvertedClocksTest() : other_(dump_.AddStream()) {
    other_.Thread(0, 2, "other");
    old_site_ = dump_.Stack({0x401000});
    new_site_ = dump_.Stack({0x402000});
  }
  HeapProfile ReplayInverted(uint64_t skew) {
    main_.Alloc(10, 0x1000, 10, old_site_);
    main_.Free(kFreed, 0x1000);
    other_.Alloc(kFreed - skew, 0x1000, 20, new_site_);
    return Replay();
  }

  static constexpr uint64_t kFreed = 1'000'000;
  StreamBuilder& other_;
  uint64_t old_site_;
  uint64_t new_site_;
};

TEST_F(InvertedClocksTest, LateFreeEndsTheOlderBlockAndTheNewOneStaysLive) {
  const HeapProfile heap = ReplayInverted(200);
  EXPECT_EQ(heap.repaired_inversions, 1u);
  EXPECT_EQ(heap.overlaps, 0u);
  EXPECT_EQ(heap.unpaired_frees, 0u);
  EXPECT_EQ(heap.total.frees.value(), 1);
  EXPECT_EQ(heap.total.leaked_blocks.value(), 1);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 20);
  EXPECT_EQ(heap.total.peak_bytes.value(), 20) << "they were never live together";
  ASSERT_EQ(heap.sites.size(), 2u);
  EXPECT_EQ(heap.sites[0].metrics.frees.value(), 1) << "the older block's site";
  EXPECT_EQ(heap.sites[0].lifetimes.max_ns(), kFreed - 10);
  EXPECT_EQ(heap.sites[0].metrics.cross_thread_frees.value(), 0);
  EXPECT_EQ(heap.sites[1].metrics.leaked_bytes.value(), 20);
}

TEST_F(InvertedClocksTest, FreeOfTheNewBlockStillComes) {
  other_.Alloc(kFreed - 200, 0x1000, 20, new_site_);
  other_.Free(kFreed + 500, 0x1000);
  main_.Alloc(10, 0x1000, 10, old_site_);
  main_.Free(kFreed, 0x1000);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.repaired_inversions, 1u);
  EXPECT_EQ(heap.overlaps + heap.unpaired_frees, 0u);
  EXPECT_EQ(heap.total.leaked_blocks.value(), 0);
  EXPECT_EQ(heap.sites[1].lifetimes.max_ns(), 700u);
}

TEST_F(InvertedClocksTest, SkewIsInclusiveAndNoMore) {
  EXPECT_EQ(ReplayInverted(kClockSkewNs).repaired_inversions, 1u);
}

TEST_F(InvertedClocksTest, LaterFreeIsTheNewBlocksAndTheOldEndWasLost) {
  const HeapProfile heap = ReplayInverted(kClockSkewNs + 1);
  EXPECT_EQ(heap.repaired_inversions, 0u);
  EXPECT_EQ(heap.overlaps, 1u);
  EXPECT_EQ(heap.total.leaked_blocks.value(), 0);
  EXPECT_EQ(heap.sites[1].metrics.frees.value(), 1);
}

TEST_F(InvertedClocksTest, FreeByTheThreadThatMadeTheNewBlockIsNoInversion) {
  main_.Alloc(10, 0x1000, 10, old_site_);  // its free was lost
  other_.Alloc(kFreed, 0x1000, 20, new_site_);
  other_.Free(kFreed + 50, 0x1000);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.repaired_inversions, 0u);
  EXPECT_EQ(heap.overlaps, 1u);
  EXPECT_EQ(heap.total.leaked_blocks.value(), 0);
  EXPECT_EQ(heap.sites[1].metrics.frees.value(), 1);
}

TEST_F(InvertedClocksTest, OneInversionTakesOneFree) {
  main_.Alloc(10, 0x1000, 10, old_site_);
  other_.Alloc(kFreed - 200, 0x1000, 20, new_site_);
  main_.Free(kFreed, 0x1000);
  main_.Free(kFreed + 10, 0x1000);  // by the rule of alternation the new block's
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.repaired_inversions, 1u);
  EXPECT_EQ(heap.unpaired_frees, 0u);
  EXPECT_EQ(heap.total.leaked_blocks.value(), 0);
  EXPECT_EQ(heap.sites[1].metrics.cross_thread_frees.value(), 1);
}

TEST_F(InvertedClocksTest, EndByReallocIsRepairedToo) {
  main_.Alloc(10, 0x1000, 10, old_site_);
  main_.Realloc(kFreed, 0x1000, 0x5000, 30, old_site_, 100);
  other_.Alloc(kFreed - 200, 0x1000, 20, new_site_);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.repaired_inversions, 1u);
  EXPECT_EQ(heap.overlaps + heap.unpaired_reallocs, 0u);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 50);
  EXPECT_EQ(heap.total.reallocations.value(), 1);
}

TEST_F(HeapReplayTest, AtOneInstantAnAddressIsFreedBeforeItIsGivenOutAgain) {
  StreamBuilder& other = dump_.AddStream();
  other.Thread(0, 2, "other");
  other.Alloc(100, 0x1000, 10, 0);
  other.Free(200, 0x1000);
  main_.Alloc(200, 0x1000, 20, 0);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.overlaps, 0u);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 20);
}

TEST_F(HeapReplayTest, StreamKeepsItsOwnOrderWhenItsTimesGoBackwards) {
  main_.Alloc(500, 0x1000, 10, 0);
  main_.Free(400, 0x1000);
  main_.Alloc(450, 0x1000, 20, 0);
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.unpaired_frees, 0u);
  EXPECT_EQ(heap.overlaps, 0u);
  EXPECT_EQ(heap.sites[0].lifetimes.max_ns(), 0u);
}

TEST_F(HeapReplayTest, LifetimesHaveMeanMedianAndLongest) {
  const uint64_t lifetimes[] = {1000, 1000, 1000, 1000, 1'000'000};
  for (const uint64_t lifetime : lifetimes) {
    main_.Alloc(time_, 0x1000, 10, 0);
    main_.Free(time_ + lifetime, 0x1000);
    time_ += lifetime + 1;
  }
  const HeapProfile heap = Replay();
  const Lifetimes& found = heap.sites[0].lifetimes;
  EXPECT_EQ(found.Mean(time_).value, 200'800);
  EXPECT_TRUE(found.Mean(time_).IsExact());
  EXPECT_EQ(found.max_ns(), 1'000'000u);
  EXPECT_LE(found.Median(time_).low, 1000);
  EXPECT_GE(found.Median(time_).high, 1000);
  EXPECT_LT(found.Median(time_).value, 2000);
}

TEST_F(HeapReplayTest, SampledBlocksStandForTheirShare) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1000;
  main_.Alloc(Now(), 0x1000, 99, 0);
  main_.Free(Now(), 0x1000, kFreeTemporary);
  main_.Alloc(Now(), 0x2000, 99, 0);
  const HeapProfile heap = Replay();
  const double p = 1 - std::exp(-0.1);
  EXPECT_NEAR(heap.total.allocations.value(), 2 / p, 1e-9);
  EXPECT_NEAR(heap.total.bytes.value(), 2 * 99 / p, 1e-9);
  EXPECT_NEAR(heap.total.temporary.value(), 1 / p, 1e-9);
  EXPECT_NEAR(heap.total.leaked_bytes.value(), 99 / p, 1e-9);
  EXPECT_NEAR(heap.total.leaked_bytes.variance(), 99 * 99 * (1 - p) / (p * p), 1e-6);
}

// Blocks that were recorded for certain have none, whatever came later.
TEST_F(HeapReplayTest, AHistoryHasTheVarianceOfEachSlot) {
  dump_.header().mode = Mode::kSample;
  for (uint64_t i = 0; i < 10; ++i) main_.Alloc(Now(), 0x1000 + i * 0x100, 99, 0);
  time_ += 1'000'000;
  main_.Put(IntervalRecord{Now(), 1000});
  for (uint64_t i = 0; i < 3; ++i) main_.Alloc(Now(), 0x8000 + i * 0x100, 99, 0);
  dump_.header().end_ticks = time_;
  const HeapProfile heap = Replay();
  const SiteHistory& history = heap.sites[0].evidence.history;
  const double p = 1 - std::exp(-0.1);
  const double variance = 3 * 99 * 99 * (1 - p) / (p * p);
  ASSERT_EQ(history.changes().size(), 2u);
  EXPECT_EQ(history.changes()[0].variance, 0);
  EXPECT_EQ(history.changes()[0].bytes, 990);
  EXPECT_NEAR(history.changes()[1].variance, variance, 1e-6 * variance);
  EXPECT_NEAR(history.changes()[1].bytes, 3 * 99 / p, 1e-9);
}

TEST_F(HeapReplayTest, OfWhatWasNotSeenSomeMayHaveBeenMissed) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1000;
  main_.Alloc(Now(), 0x1000, 99, 0);
  main_.Free(Now(), 0x1000);
  const HeapMetrics of_site = Replay().sites[0].metrics;
  const HeapMetrics total = Replay().total;
  // P(no mark in so many bytes) is 2.5 %.
  const double missed_bytes = 1000 * -std::log(0.025);
  for (const HeapMetrics& metrics : {of_site, total}) {
    const Estimate leaked = metrics.leaked_bytes.Interval();
    EXPECT_EQ(leaked.value, 0);
    EXPECT_EQ(leaked.low, 0);
    EXPECT_NEAR(leaked.high, missed_bytes, 0.02 * missed_bytes);
    EXPECT_NEAR(metrics.leaked_blocks.Interval().high, missed_bytes / 100, 1);
    EXPECT_NEAR(metrics.temporary.Interval().high, missed_bytes / 100, 1);
  }
}

TEST_F(HeapReplayTest, AHeapOfWhichNothingWasSampledIsNotKnownToBeEmpty) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1000;
  main_.Put(IntervalRecord{Now(), 5000});
  const HeapMetrics sampled = Replay().total;
  for (const Tally& tally : {sampled.bytes, sampled.allocations, sampled.leaked_bytes}) {
    EXPECT_EQ(tally.Interval().value, 0);
    EXPECT_NEAR(tally.Interval().high, 5000 * -std::log(0.025), 1);
  }
  dump_.header().mode = Mode::kFull;
  EXPECT_TRUE(Replay().total.bytes.Interval().IsExact());
}

// It may have gone on, a block here and there, between the samples.
TEST_F(HeapReplayTest, ASiteThatWasSeenOnlyWhileAllBlocksWereIsNotExact) {
  dump_.header().mode = Mode::kSample;
  for (uint64_t i = 0; i < 10; ++i) {
    main_.Alloc(Now(), 0x1000, 99, 0);
    main_.Free(Now(), 0x1000);
  }
  EXPECT_TRUE(Replay().sites[0].metrics.allocations.Interval().IsExact());
  main_.Put(IntervalRecord{Now(), 100'000});
  main_.Alloc(Now(), 0x2000, 200'000, dump_.Stack({0x401000}));
  const HeapProfile heap = Replay();
  const double missed_blocks = 1000 * -std::log(0.025);
  for (const HeapMetrics& metrics : {heap.sites[0].metrics, heap.total}) {
    EXPECT_NEAR(metrics.allocations.value(), 10, 1.5);
    EXPECT_NEAR(metrics.allocations.Interval().high, missed_blocks, 0.1 * missed_blocks);
    EXPECT_NEAR(metrics.temporary.Interval().high, missed_blocks, 0.1 * missed_blocks);
    EXPECT_GE(metrics.allocations.Interval().low, 10);
  }
}

TEST_F(HeapReplayTest, BlocksWeighWhatTheirSegmentsIntervalSays) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1000;
  main_.Alloc(Now(), 0x1000, 99, 0);
  main_.Put(IntervalRecord{Now(), 200});
  main_.Alloc(Now(), 0x2000, 99, 0);
  main_.NextSegment();  // says nothing: the header's interval again
  main_.Alloc(Now(), 0x3000, 99, 0);
  const double p = 1 - std::exp(-0.1);
  const double p_denser = 1 - std::exp(-0.5);
  EXPECT_NEAR(Replay().total.allocations.value(), 2 / p + 1 / p_denser, 1e-9);
}

// Four blocks sampled with mean 1000, then thinned to 8000: the first two fall below. What was counted stays counted;
// what lives on, or ends later, has the lesser probability.
TEST_F(HeapReplayTest, AThinningDropsSomeBlocksAndTheRestWeighMore) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1000;
  const uint32_t bar = sampling::LimitCode(8000);
  const auto alloc = [&](uint64_t address, uint32_t limit) {
    main_.Put(AllocRecord{HeapApi::kMalloc, Now(), address, 99, 0, limit});
  };
  alloc(0x1000, bar - 1);
  alloc(0x2000, 0);
  alloc(0x3000, bar);
  alloc(0x4000, bar + 9);
  main_.Put(ThinRecord{Now(), 8100});  // thins to 7680, the grid point below
  main_.Free(Now(), 0x1000);           // on its way when it was dropped
  main_.Free(Now(), 0x3000);
  alloc(0x2000, bar);  // where a dropped block stood: no overlap
  const HeapProfile heap = Replay();
  const double p = 1 - std::exp(-0.1);
  const double p_thinned = -std::expm1(-100.0 / static_cast<double>(sampling::GridFloor(8100)));
  EXPECT_NEAR(heap.total.allocations.value(), 5 / p, 1e-9);
  EXPECT_NEAR(heap.total.frees.value(), 1 / p_thinned, 1e-9);
  EXPECT_NEAR(heap.total.leaked_blocks.value(), 2 / p_thinned, 1e-9);
  EXPECT_EQ(heap.unpaired_frees, 0u);
  EXPECT_EQ(heap.overlaps, 0u);
}

// Every block is seen, then all are dropped: how many of them were leaked is no longer known.
TEST_F(HeapReplayTest, WhatAThinningDroppedMayHaveLeaked) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 0;
  for (const uint64_t blocks : {1, 1000}) {
    for (uint64_t i = 0; i < blocks; ++i) {
      main_.Put(AllocRecord{HeapApi::kMalloc, Now(), 0x10000 * blocks + i * 128, 99, 0, 0});
    }
    const uint64_t all = blocks == 1 ? 1 : 1001;
    main_.Put(ThinRecord{Now(), 8192});
    time_ += 2 * kClockSkewNs;  // or what follows counts as recorded before
    const HeapMetrics site = Replay().sites[0].metrics;
    EXPECT_EQ(site.allocations.Interval().value, all);
    EXPECT_EQ(site.allocations.Interval().low, all);
    // Not more than are all dropped, or all missed later, in 2.5 % of the cases.
    const double most = -std::log(0.025) * 8192 / 100;
    for (const Tally& part : {site.leaked_blocks, site.frees}) {
      EXPECT_EQ(part.Interval().value, 0);
      EXPECT_NEAR(part.Interval().high, most, 0.01 * most);
    }
    EXPECT_NEAR(site.leaked_bytes.Interval().high, 99 * most, most);
    EXPECT_GE(site.peak_bytes.Interval().high, 99.0 * static_cast<double>(blocks));
  }
}

TEST_F(HeapReplayTest, ABlockWhoseClockRanAheadIsThinnedWithItsElders) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1000;
  const uint64_t thinning = Now();
  main_.Put(ThinRecord{thinning, 8192});
  main_.Put(AllocRecord{HeapApi::kMalloc, thinning + 10, 0x1000, 99, 0, 0});
  main_.Put(AllocRecord{HeapApi::kMalloc, thinning + kClockSkewNs + 1, 0x2000, 99, 0, 0});
  const HeapProfile heap = Replay();
  const double p = 1 - std::exp(-0.1);
  EXPECT_NEAR(heap.total.allocations.value(), 2 / p, 1e-9);
  EXPECT_NEAR(heap.total.leaked_blocks.value(), 1 / p, 1e-9);
}

// Full mode until its file was nearly full: blocks of 99 bytes, some of which have limits.
class FullEndTest : public HeapReplayTest {
 protected:
  static constexpr uint64_t kMean = 8192;

  void Alloc(uint64_t address, uint32_t limit) {
    main_.Put(AllocRecord{HeapApi::kMalloc, Now(), address, 99, 0, limit});
  }
  void EndFull() {
    dump_.header().full_until_ticks = Now();
    dump_.header().full_sample_bytes = kMean;
    time_ += 2 * kClockSkewNs;  // or what follows may have been recorded before
  }
  static double Share(uint64_t mean) { return -std::expm1(-100.0 / static_cast<double>(mean)); }
};

TEST_F(FullEndTest, BlocksInTheSampleStandForAllFromThenOn) {
  Alloc(0x1000, sampling::kNoLimit);
  Alloc(0x2000, sampling::LimitCode(kMean));
  Alloc(0x3000, sampling::LimitCode(2 * kMean));
  Alloc(0x4000, sampling::kNoLimit);
  main_.Free(Now(), 0x4000);  // temporary, as the order says
  EndFull();
  main_.Free(Now(), 0x2000);
  main_.Put(IntervalRecord{Now(), 2 * kMean});
  Alloc(0x5000, sampling::LimitCode(2 * kMean));
  main_.Free(Now(), 0x5000, kFreeTemporary);
  Alloc(0x1000, sampling::LimitCode(2 * kMean));  // where a block stood that is no longer followed
  main_.Free(Now(), 0x1000);                      // not temporary: others may have come between
  const Profile profile = ProfileOf(dump_);
  const HeapProfile& heap = profile.heap;
  const double before = 1 / Share(kMean), after = 1 / Share(2 * kMean);
  EXPECT_NEAR(heap.total.allocations.value(), 4 + 2 * after, 1e-9);
  EXPECT_NEAR(heap.total.frees.value(), 1 + before + 2 * after, 1e-9);
  EXPECT_NEAR(heap.total.temporary.value(), 1 + after, 1e-9);
  EXPECT_NEAR(heap.total.leaked_blocks.value(), before, 1e-9);
  EXPECT_EQ(heap.unpaired_frees + heap.overlaps, 0u);
  EXPECT_EQ(profile.dump.process.other_intervals(), std::vector<uint64_t>{2 * kMean});
}

TEST_F(FullEndTest, ChangesWhatIsLiveEvenWhenNothingFollows) {
  Alloc(0x1000, sampling::kNoLimit);
  Alloc(0x2000, sampling::LimitCode(kMean));
  EndFull();
  const HeapProfile heap = Replay();
  const Estimate allocations = heap.sites[0].metrics.allocations.Interval();
  EXPECT_EQ(allocations.low, 2);
  EXPECT_EQ(allocations.value, 2);
  EXPECT_GT(allocations.high, 2) << "others may have followed unseen";
  EXPECT_NEAR(heap.total.leaked_blocks.value(), 1 / Share(kMean), 1e-9);
}

TEST_F(FullEndTest, LeavesWhatCameBeforeExact) {
  Alloc(0x1000, sampling::LimitCode(kMean));
  Alloc(0x2000, sampling::kNoLimit);
  main_.Free(Now(), 0x1000);
  main_.Realloc(Now(), 0x2000, 0x3000, 199, 0);
  main_.Free(Now(), 0x3000);
  EndFull();
  const HeapMetrics site = Replay().sites[0].metrics;
  EXPECT_EQ(site.frees.value() + site.reallocations.value(), 2);
  EXPECT_EQ(site.frees.variance() + site.reallocations.variance(), 0);
}

TEST_F(FullEndTest, IsWhereTheHeaderSaysWhateverRecordsSay) {
  main_.Put(IntervalRecord{Now(), kMean});
  main_.Put(ThinRecord{Now(), kMean});
  Alloc(0x1000, sampling::kNoLimit);
  EXPECT_TRUE(Replay().total.leaked_bytes.Interval().IsExact());
}

TEST_F(HeapReplayTest, SampledReallocDecidesAboutOldAndNewApart) {
  dump_.header().mode = Mode::kSample;
  dump_.header().interval_bytes = 1000;
  main_.Alloc(Now(), 0x1000, 99, 0);
  main_.Realloc(Now(), 0x1000, 0x2000, 500, 0, 1, kReallocEndsOld);
  main_.Realloc(Now(), 0x5000, 0x6000, 999, 0, 1, kReallocBeginsNew);
  const HeapProfile heap = Replay();
  const double p_old = 1 - std::exp(-0.1);
  const double p_new = 1 - std::exp(-1.0);
  EXPECT_EQ(heap.unpaired_reallocs, 0u);
  EXPECT_NEAR(heap.total.reallocations.value(), 1 / p_old, 1e-9);
  EXPECT_NEAR(heap.total.allocations.value(), 1 / p_old + 1 / p_new, 1e-9);
  EXPECT_NEAR(heap.total.leaked_bytes.value(), 999 / p_new, 1e-9);
}

TEST_F(HeapReplayTest, PeaksPerSiteAreThoseOfBruteForce) {
  std::mt19937_64 random(99);
  std::vector<uint64_t> stacks;
  for (uint64_t i = 1; i <= 7; ++i) stacks.push_back(dump_.Stack({0x400000 + i}));
  struct Live {
    uint64_t address, size;
    size_t site;
  };
  std::vector<Live> live;
  std::map<size_t, uint64_t> by_site;
  std::map<size_t, uint64_t> at_peak;
  uint64_t total = 0;
  uint64_t peak = 0;
  for (uint64_t i = 1; i <= 20000; ++i) {
    if (!live.empty() && random() % 100 < (i / 3000 % 2 == 0 ? 45 : 60)) {
      const size_t at = random() % live.size();
      main_.Free(Now(), live[at].address);
      total -= live[at].size;
      by_site[live[at].site] -= live[at].size;
      live[at] = live.back();
      live.pop_back();
      continue;
    }
    const Live block{i * 0x1000, 1 + random() % 5000, random() % stacks.size()};
    main_.Alloc(Now(), block.address, block.size, stacks[block.site]);
    live.push_back(block);
    total += block.size;
    by_site[block.site] += block.size;
    if (total > peak) {
      peak = total;
      at_peak = by_site;
    }
  }
  const Profile profile = ProfileOf(dump_);
  const HeapProfile& heap = profile.heap;
  EXPECT_EQ(heap.total.peak_bytes.value(), static_cast<double>(peak));
  for (const HeapSite& site : heap.sites) {
    const uint64_t pc = profile.dump.process.Frames(site.stack).front().pc;
    const size_t index = pc - 0x400001;
    EXPECT_EQ(site.metrics.peak_bytes.value(), static_cast<double>(at_peak[index])) << index;
    EXPECT_EQ(site.metrics.live_bytes.value(), static_cast<double>(by_site[index])) << index;
  }
}

TEST_F(HeapReplayTest, ManyThreadsAreMergedByTime) {
  // Blocks go round from thread to thread: each is freed by the next one, later in time.
  constexpr uint64_t kThreads = 7;
  std::vector<StreamBuilder*> streams = {&main_};
  for (uint64_t i = 1; i < kThreads; ++i) {
    streams.push_back(&dump_.AddStream());
    streams.back()->Thread(0, i + 1, "worker");
  }
  for (uint64_t i = 0; i < 50000; ++i) {
    streams[i % kThreads]->Alloc(Now(), 0x1000, 8, 0);
    streams[(i + 1) % kThreads]->Free(Now(), 0x1000);
  }
  const HeapProfile heap = Replay();
  EXPECT_EQ(heap.overlaps, 0u);
  EXPECT_EQ(heap.unpaired_frees, 0u);
  EXPECT_EQ(heap.total.cross_thread_frees.value(), 50000);
  EXPECT_EQ(heap.total.peak_bytes.value(), 8);
}

}  // namespace
}  // namespace perfagent::test
