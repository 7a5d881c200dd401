#include "perfagent/sampling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "perfagent/dump_format.h"

namespace perfagent::sampling {
namespace {

TEST(Sampling, TheGridHasFourSignificantBits) {
  const uint64_t kGrid[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22};
  size_t at = 0;
  for (uint64_t interval = 0; interval < 22; ++interval) {
    if (interval == kGrid[at + 1]) ++at;
    EXPECT_EQ(GridFloor(interval), kGrid[at]) << interval;
  }
  EXPECT_EQ(GridFloor(512 << 10), uint64_t{512 << 10});
  EXPECT_EQ(GridFloor(kGreatestInterval), kGreatestInterval);
  EXPECT_EQ(GridFloor(kGreatestInterval - 1), kGreatestInterval / 16 * 15);
}

// The whole point of codes: comparing them is comparing the numbers, wherever the interval is on the grid.
TEST(Sampling, CodesCompareAsBoundsDo) {
  for (uint64_t interval = 1; interval <= kGreatestInterval; interval = interval * 9 / 8 + 1) {
    const auto grid = static_cast<double>(GridFloor(interval));
    for (const double bound : {grid * 0.5, std::nextafter(grid, 0.0), grid, grid * 1.01, grid * 7})
      EXPECT_EQ(StaysTracked(LimitCode(bound), interval), bound >= grid)
          << interval << " " << bound;
  }
}

TEST(Sampling, NoBoundIsWithoutCode) {
  EXPECT_EQ(LimitCode(0), 0u);
  EXPECT_EQ(LimitCode(0.999), 0u);
  EXPECT_EQ(LimitCode(std::nan("")), 0u);
  EXPECT_EQ(LimitCode(1), 1u);
  EXPECT_LT(LimitCode(1e300), kNoLimit);
  EXPECT_LT(LimitCode(HUGE_VAL), kNoLimit);
  EXPECT_TRUE(StaysTracked(LimitCode(HUGE_VAL), kGreatestInterval));
  EXPECT_FALSE(StaysTracked(kNoLimit, 1)) << "is no sample";
  EXPECT_TRUE(StaysTracked(0, 0)) << "every block is a sample";
  EXPECT_FALSE(StaysTracked(0, 1));
}

}  // namespace
}  // namespace perfagent::sampling
