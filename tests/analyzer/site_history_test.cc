// What a site's history keeps of the slots in which something happened, beside arrays that have all of them.
#include "analyzer/model/site_history.h"

#include <gtest/gtest.h>

#include <random>

namespace perfagent {
namespace {

struct Naive {
  std::array<double, kSlots> calls = {}, bytes = {}, live_bytes = {};

  void Add(const Naive& other) {
    for (size_t i = 0; i < kSlots; ++i) {
      calls[i] += other.calls[i];
      bytes[i] += other.bytes[i];
      live_bytes[i] += other.live_bytes[i];
    }
  }
};

// Of a site that is settled at some moments: calls since the last one, and what is live.
void MakeSite(std::mt19937* random, SiteHistory* history, Naive* naive) {
  size_t slot = 0;
  while ((slot += (*random)() % 6) < kSlots) {
    const uint32_t calls = (*random)() % 3;
    const double bytes = calls * 16.0, live = (*random)() % 4 * 16.0;
    history->Note(slot, calls, bytes, live);
    naive->calls[slot] += calls;
    naive->bytes[slot] += bytes;
    std::fill(naive->live_bytes.begin() + static_cast<std::ptrdiff_t>(slot),
              naive->live_bytes.end(), live);
  }
}

void ExpectSame(const SiteHistory& history, const Naive& naive) {
  EXPECT_EQ(history.calls(), naive.calls);
  EXPECT_EQ(history.bytes(), naive.bytes);
  EXPECT_EQ(history.live_bytes(), naive.live_bytes);
  for (size_t slot = 0; slot < kSlots; ++slot)
    EXPECT_EQ(history.LiveAfter(slot), naive.live_bytes[slot]) << slot;
}

TEST(SiteHistory, SaysWhatArraysWould) {
  std::mt19937 random(7);
  for (int run = 0; run < 1000; ++run) {
    SiteHistory history, other;
    Naive naive, naive_other;
    MakeSite(&random, &history, &naive);
    ExpectSame(history, naive);
    MakeSite(&random, &other, &naive_other);
    history.Merge(other);
    naive.Add(naive_other);
    ExpectSame(history, naive);
  }
}

TEST(SiteHistory, IsEmptyUntilSomethingHappens) {
  SiteHistory history;
  history.Note(3, 0, 0, 0);
  EXPECT_TRUE(history.IsEmpty());
  history.Merge({});
  EXPECT_TRUE(history.IsEmpty());
  history.Note(4, uint64_t{1} << 40, 0, 0);
  EXPECT_EQ(history.calls()[4], UINT32_MAX);
}

}  // namespace
}  // namespace perfagent
