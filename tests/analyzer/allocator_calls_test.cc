#include "analyzer/model/allocator_calls.h"

#include <gtest/gtest.h>

#include <cmath>

#include "analyzer/model/resident.h"

namespace perfagent {
namespace {

AllocatorCallRecord Call(HeapApi api, uint64_t duration, uint64_t size, uint64_t usable,
                         uint64_t every, uint64_t interval_bytes) {
  return {api, 0, duration, size, usable, every, interval_bytes};
}

TEST(SizeBuckets, EndAtPowersOfTwo) {
  EXPECT_EQ(SizeBucketOf(0), 0u);
  EXPECT_EQ(SizeBucketOf(1), 0u);
  EXPECT_EQ(SizeBucketOf(2), 1u);
  EXPECT_EQ(SizeBucketOf(64), 6u);
  EXPECT_EQ(SizeBucketOf(65), 7u);
  EXPECT_EQ(SizeBucketOf(UINT64_MAX), kSizeBuckets - 1);
}

TEST(AllocatorCalls, OneInSoManyStandsForAsManyAndForWhatItsBlockDoes) {
  AllocatorCalls calls;
  calls.Add(Call(HeapApi::kMalloc, 40, 100, 104, 61, 0));
  calls.Add(Call(HeapApi::kCalloc, 60, 999, 1000, 7, 4096));
  const double sampled = 7 / -std::expm1(-1000.0 / 4096);
  EXPECT_NEAR(calls.Of(AllocatorCall::kAllocate, 7).calls.value(), 61, 1e-9);
  EXPECT_NEAR(calls.Of(AllocatorCall::kAllocate, 10).calls.value(), sampled, 1e-9);
  EXPECT_NEAR(calls.Of(AllocatorCall::kAllocate).ns.value(), 61 * 40 + sampled * 60, 1e-6);
  EXPECT_NEAR(calls.asked().value(), 61 * 100 + sampled * 999, 1e-6);
  EXPECT_NEAR(calls.usable().value(), 61 * 104 + sampled * 1000, 1e-6);
  EXPECT_FALSE(calls.Of(AllocatorCall::kAllocate).calls.Interval().IsExact());
}

TEST(AllocatorCalls, SlowOnesAreCountedAsTheyWereTimed) {
  AllocatorCalls calls;
  for (const uint64_t duration : {kSlowCallNs - 1, kSlowCallNs, 2 * kSlowCallNs})
    calls.Add(Call(HeapApi::kMalloc, duration, 100, 104, 61, 0));
  EXPECT_EQ(calls.Of(AllocatorCall::kAllocate).slow, 2u);
}

TEST(AllocatorCalls, FreesAreKnownByWhatTheBlockHas) {
  AllocatorCalls calls;
  EXPECT_TRUE(calls.IsEmpty());
  for (const HeapApi api : {HeapApi::kFree, HeapApi::kDelete, HeapApi::kDeleteArray})
    calls.Add(Call(api, 10, 0, 32, 1, 0));
  calls.Add(Call(HeapApi::kFreeSized, 90, 0, 0, 1, 0));
  EXPECT_EQ(calls.Of(AllocatorCall::kFree, 5).calls.value(), 3);
  EXPECT_EQ(calls.Of(AllocatorCall::kFree, 0).calls.value(), 1);
  EXPECT_TRUE(calls.Of(AllocatorCall::kAllocate).calls.IsEmpty());
  EXPECT_EQ(calls.asked().value(), 0);
}

HeapProfile Heap(uint64_t live, const MemoryRecord& memory) {
  HeapProfile heap;
  heap.total.live_bytes.AddCertain(static_cast<double>(live));
  heap.timed_calls.Add(Call(HeapApi::kMalloc, 40, 100, 110, 1, 0));
  heap.memory_at_end = memory;
  return heap;
}

TEST(Resident, PartsAddUp) {
  const Resident parts = *ResidentAtEnd(
      Heap(1000, {.time = 5, .anonymous = 3000, .file = 500, .shared = 70, .dump = 540}));
  EXPECT_EQ(parts.live, 1000);
  EXPECT_NEAR(parts.rounding, 100, 1e-9);
  EXPECT_NEAR(parts.unexplained, 1900, 1e-9);
  EXPECT_EQ(parts.dump, 540);
  EXPECT_EQ(parts.file, 0);
  EXPECT_EQ(parts.shared, 30);
  EXPECT_EQ(parts.untouched, 0);
  EXPECT_EQ(parts.total, 3570);
}

TEST(Resident, BlocksThatWereNeverTouchedAreNoPartOfIt) {
  const Resident parts = *ResidentAtEnd(Heap(5000, {.time = 5, .anonymous = 3000, .file = 500}));
  EXPECT_EQ(parts.live, 3000);
  EXPECT_EQ(parts.rounding, 0);
  EXPECT_EQ(parts.unexplained, 0);
  EXPECT_EQ(parts.untouched, 2000);
  EXPECT_EQ(parts.total, 3500);
}

TEST(Resident, NothingIsSaidWhereNobodyLooked) {
  EXPECT_FALSE(ResidentAtEnd(HeapProfile()).has_value());
}

}  // namespace
}  // namespace perfagent
