#include "analyzer/replay/lock_order.h"

#include <gtest/gtest.h>

namespace perfagent::test {
namespace {

constexpr uint64_t kA = 0x10, kB = 0x20, kC = 0x30, kD = 0x40;

TEST(LockOrders, OneOrderIsNoCycle) {
  LockOrders orders;
  orders.Add(kA, kB, kNoStack);
  orders.Add(kB, kC, kNoStack);
  orders.Add(kA, kC, kNoStack);
  EXPECT_TRUE(orders.FindCycles().empty());
}

TEST(LockOrders, TwoOrdersOfTwoLocksAreACycle) {
  LockOrders orders;
  orders.Add(kA, kB, StackId(7));
  orders.Add(kA, kB, StackId(8));
  orders.Add(kB, kA, StackId(9));
  orders.Add(kB, kC, kNoStack);
  const auto cycles = orders.FindCycles();
  ASSERT_EQ(cycles.size(), 1u);
  ASSERT_EQ(cycles[0].size(), 2u);
  EXPECT_EQ(cycles[0][0].lock, kA);
  EXPECT_EQ(cycles[0][0].then, kB);
  EXPECT_EQ(cycles[0][0].stack, StackId(7)) << "where it was seen first";
  EXPECT_EQ(cycles[0][0].count, 2u);
  EXPECT_EQ(cycles[0][1].lock, kB);
  EXPECT_EQ(cycles[0][1].then, kA);
  EXPECT_EQ(cycles[0][1].stack, StackId(9));
}

TEST(LockOrders, EachCycleIsFoundOnceAndAsShortAsItIs) {
  LockOrders orders;
  orders.Add(kA, kB, kNoStack);
  orders.Add(kB, kC, kNoStack);
  orders.Add(kC, kA, kNoStack);
  orders.Add(kC, kD, kNoStack);
  orders.Add(kD, kC, kNoStack);
  const auto cycles = orders.FindCycles();
  ASSERT_EQ(cycles.size(), 2u);
  EXPECT_EQ(cycles[0].size(), 3u);
  EXPECT_EQ(cycles[1].size(), 2u);
}

TEST(LockOrders, WhatIsTakenAgainOrOutsideOfOthersHasNoOrder) {
  LockOrders orders;
  orders.Add(kA, kA, kNoStack);
  orders.Add(0, kA, kNoStack);
  orders.Add(kA, 0x50, kNoStack);
  EXPECT_TRUE(orders.FindCycles().empty());
}

}  // namespace
}  // namespace perfagent::test
