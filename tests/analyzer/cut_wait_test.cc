#include "analyzer/replay/cut_wait.h"

#include <gtest/gtest.h>

#include <random>

namespace perfagent::test {
namespace {

constexpr StackId kA{5}, kB{6};

uint64_t SumOf(const CutWait& wait) {
  uint64_t sum = wait.hand_over_ns + wait.unattributed_ns;
  for (const HolderShare& share : wait.holders) sum += share.ns;
  return sum;
}

TEST(CutWait, EachPieceIsDueToWhoEndedIt) {
  const KnownCut cuts[] = {{30, kA}, {90, kB}};
  const CutWait wait = Cut(100, cuts, false);
  ASSERT_EQ(wait.holders.size(), 2u);
  EXPECT_EQ(wait.holders[0].holder, kA);
  EXPECT_EQ(wait.holders[0].ns, 30u);
  EXPECT_EQ(wait.holders[1].holder, kB);
  EXPECT_EQ(wait.holders[1].ns, 60u);
  EXPECT_EQ(wait.hand_over_ns, 10u);
  EXPECT_EQ(wait.unattributed_ns, 0u);
}

TEST(CutWait, AHolderThatComesAgainHasOneShare) {
  const KnownCut cuts[] = {{10, kB}, {30, kA}, {60, kB}};
  const CutWait wait = Cut(60, cuts, false);
  ASSERT_EQ(wait.holders.size(), 2u);
  EXPECT_EQ(wait.holders[0].ns, 20u);
  EXPECT_EQ(wait.holders[1].ns, 40u);
}

TEST(CutWait, PiecesSayWhenEachHeldIt) {
  const KnownCut cuts[] = {{10, kB}, {30, kNoStack}, {30, kA}, {60, kB}};
  const CutWait wait = Cut(70, cuts, false);
  ASSERT_EQ(wait.pieces.size(), 2u);
  EXPECT_EQ(wait.pieces[0].begin_ns, 0u);
  EXPECT_EQ(wait.pieces[0].share.holder, kB);
  EXPECT_EQ(wait.pieces[0].share.ns, 10u);
  EXPECT_EQ(wait.pieces[1].begin_ns, 30u);
  EXPECT_EQ(wait.pieces[1].share.holder, kB);
  EXPECT_EQ(wait.pieces[1].share.ns, 30u);
}

TEST(CutWait, WithoutCutsNobodyIsKnown) {
  EXPECT_EQ(Cut(100, {}, false).unattributed_ns, 100u);
  EXPECT_EQ(Cut(100, {}, true).unattributed_ns, 100u);
}

TEST(CutWait, WhatLiesBeforeTheFirstCutIsNobodysWhenReleasesWereLost) {
  const KnownCut cuts[] = {{40, kA}, {90, kB}};
  const CutWait wait = Cut(100, cuts, true);
  ASSERT_EQ(wait.holders.size(), 1u);
  EXPECT_EQ(wait.holders[0].holder, kB);
  EXPECT_EQ(wait.holders[0].ns, 50u);
  EXPECT_EQ(wait.unattributed_ns, 40u);
  EXPECT_EQ(wait.hand_over_ns, 10u);
}

TEST(CutWait, AReleaseWithoutStackLeavesItsPieceUnattributed) {
  const KnownCut cuts[] = {{40, kNoStack}, {90, kB}};
  const CutWait wait = Cut(100, cuts, false);
  EXPECT_EQ(wait.unattributed_ns, 40u);
  ASSERT_EQ(wait.holders.size(), 1u);
  EXPECT_EQ(wait.holders[0].ns, 50u);
}

TEST(CutWait, CutsThatCannotBeAreMovedIntoTheWait) {
  const KnownCut beyond[] = {{40, kA}, {UINT64_MAX, kB}};
  const CutWait wait = Cut(100, beyond, false);
  ASSERT_EQ(wait.holders.size(), 2u);
  EXPECT_EQ(wait.holders[1].ns, 60u);
  EXPECT_EQ(wait.hand_over_ns, 0u);
  const KnownCut descending[] = {{80, kA}, {20, kB}};
  const CutWait other = Cut(100, descending, false);
  ASSERT_EQ(other.holders.size(), 1u) << "a piece of no length is nobody's";
  EXPECT_EQ(other.holders[0].ns, 80u);
  EXPECT_EQ(other.hand_over_ns, 20u);
}

TEST(CutWait, ThePartsAlwaysAddUpToTheWait) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const uint64_t wait_ns = random() >> random() % 64;
    std::vector<KnownCut> cuts;
    for (uint64_t n = random() % 8; n > 0; --n) {
      cuts.push_back({random() >> random() % 64, StackId(random() % 4)});
    }
    EXPECT_EQ(SumOf(Cut(wait_ns, cuts, random() % 2 == 0)), wait_ns);
  }
}

}  // namespace
}  // namespace perfagent::test
