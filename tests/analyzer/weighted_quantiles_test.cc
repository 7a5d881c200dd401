#include "analyzer/model/weighted_quantiles.h"

#include <gtest/gtest.h>

namespace perfagent::test {
namespace {

TEST(WeightedQuantiles, OfNothingAreZero) {
  const WeightedQuantiles quantiles;
  EXPECT_TRUE(quantiles.IsEmpty());
  EXPECT_EQ(quantiles.Quantile(0.5), 0u);
}

TEST(WeightedQuantiles, OfAFewAmountsAreAmongThem) {
  WeightedQuantiles quantiles;
  for (const uint64_t amount : {7'000'001, 3, 1000, 500'000}) quantiles.Add(amount, 1);
  EXPECT_EQ(quantiles.Quantile(0.25), 3u);
  EXPECT_EQ(quantiles.Quantile(0.5), 1000u);
  EXPECT_EQ(quantiles.Quantile(0.99), 7'000'001u);
  EXPECT_EQ(quantiles.max(), 7'000'001u);
}

TEST(WeightedQuantiles, AnAmountCountsWithItsWeight) {
  WeightedQuantiles quantiles;
  quantiles.Add(10, 99);
  quantiles.Add(1000, 1);
  EXPECT_EQ(quantiles.Quantile(0.99), 10u);
  EXPECT_EQ(quantiles.Quantile(0.995), 1000u);
}

TEST(WeightedQuantiles, OfManyAmountsAreWithinAHundredth) {
  WeightedQuantiles quantiles;
  for (uint64_t i = 1; i <= 100'000; ++i) quantiles.Add(i * 100, 1);
  EXPECT_NEAR(static_cast<double>(quantiles.Quantile(0.5)), 5e6, 5e4);
  EXPECT_NEAR(static_cast<double>(quantiles.Quantile(0.99)), 9.9e6, 1e5);
}

TEST(WeightedQuantiles, HostileAmountsStayInRange) {
  WeightedQuantiles quantiles;
  quantiles.Add(UINT64_MAX, 1e300);
  quantiles.Add(0, 1);
  EXPECT_EQ(quantiles.Quantile(0.5), UINT64_MAX);
}

}  // namespace
}  // namespace perfagent::test
