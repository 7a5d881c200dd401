// What a site's history keeps of the slots in which something happened, beside arrays that have all of them.
#include "analyzer/model/site_history.h"

#include <gtest/gtest.h>

#include <random>

namespace perfagent {
namespace {

struct Naive {
  std::array<double, kSlots> calls = {}, temporary = {}, bytes = {}, variance = {}, live_bytes = {},
                             leaked_bytes = {};

  void Add(const Naive& other) {
    for (size_t i = 0; i < kSlots; ++i) {
      calls[i] += other.calls[i];
      temporary[i] += other.temporary[i];
      leaked_bytes[i] += other.leaked_bytes[i];
      bytes[i] += other.bytes[i];
      variance[i] += other.variance[i];
      live_bytes[i] += other.live_bytes[i];
    }
  }
};

// Of a site that is settled at some moments: calls since the last one, and what is live.
void MakeSite(std::mt19937* random, SiteHistory* history, Naive* naive) {
  size_t slot = 0;
  while ((slot += (*random)() % 6) < kSlots) {
    const uint32_t calls = (*random)() % 3, temporary = (*random)() % 2;
    const double bytes = calls * 16.0, live = (*random)() % 4 * 16.0;
    history->Note(slot, {calls, temporary, bytes, bytes * 64}, live);
    naive->calls[slot] += calls;
    naive->temporary[slot] += temporary;
    naive->bytes[slot] += bytes;
    naive->variance[slot] += bytes * 64;
    std::fill(naive->live_bytes.begin() + static_cast<std::ptrdiff_t>(slot),
              naive->live_bytes.end(), live);
  }
  for (uint32_t leaks = (*random)() % 4; leaks > 0; --leaks) {
    const size_t made = (*random)() % kSlots;
    history->NoteLeak(made, 32);
    naive->leaked_bytes[made] += 32;
  }
}

void ExpectSame(const SiteHistory& history, const Naive& naive) {
  EXPECT_EQ(history.calls(), naive.calls);
  EXPECT_EQ(history.temporary(), naive.temporary);
  EXPECT_EQ(history.bytes(), naive.bytes);
  EXPECT_EQ(history.variance(), naive.variance);
  EXPECT_EQ(history.leaked_bytes(), naive.leaked_bytes);
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
  history.Note(3, {}, 0);
  EXPECT_TRUE(history.IsEmpty());
  history.Merge({});
  EXPECT_TRUE(history.IsEmpty());
  history.Note(4, {.calls = uint64_t{1} << 40}, 0);
  EXPECT_EQ(history.calls()[4], UINT32_MAX);
}

TEST(SiteHistory, ForgetsLeaksAlone) {
  SiteHistory history;
  history.Note(3, {.calls = 1, .temporary = 0, .bytes = 8}, 8);
  history.NoteLeak(3, 8);
  history.ForgetLeaks();
  EXPECT_EQ(history.leaked_bytes(), (std::array<double, kSlots>{}));
  EXPECT_EQ(history.live_bytes()[31], 8);
}

}  // namespace
}  // namespace perfagent
