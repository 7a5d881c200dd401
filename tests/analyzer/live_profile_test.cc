#include "analyzer/live/live_profile.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "analyzer/replay/load_profile.h"
#include "tests/support/dump_builder.h"
#include "tests/support/process.h"

namespace perfagent::test {
namespace {

bool GoOn(double) { return true; }

// A dump that its test goes on writing.
class LiveProfileTest : public testing::Test {
 protected:
  // As the agent makes it: with its final size from the start.
  void Write() {
    dump_.WriteTo(path_);
    std::filesystem::resize_file(path_, 1 << 20);
  }
  LiveProfile Open() {
    Write();
    std::string error;
    std::optional<DumpFile> file = DumpFile::Open(path_, &error);
    EXPECT_TRUE(file) << error;
    return LiveProfile(*std::move(file), {});
  }
  const LiveLook& Look(LiveProfile* profile, SiteOrder order = SiteOrder::kBytes) {
    Write();
    EXPECT_TRUE(profile->Read(GoOn));
    return profile->Look(order, 10);
  }

  TempDir dir_;
  std::filesystem::path path_ = dir_ / "live.dump";
  DumpBuilder dump_;
};

TEST_F(LiveProfileTest, ALookIsOfWhatWasRecordedSinceTheOneBefore) {
  StreamBuilder& main = dump_.AddStream();
  const uint64_t stack = dump_.Stack({0x401000});
  main.Alloc(10, 0x1000, 64, stack);
  LiveProfile profile = Open();
  EXPECT_EQ(Look(&profile).heap.calls.value(), 1);
  EXPECT_EQ(Look(&profile).heap.calls.value(), 0) << "nothing was recorded since";
  main.Alloc(20, 0x2000, 100, stack);
  main.Alloc(30, 0x3000, 200, stack);
  main.Free(40, 0x3000);
  const LiveLook& look = Look(&profile);
  EXPECT_EQ(look.heap.calls.value(), 2);
  EXPECT_EQ(look.heap.bytes.value(), 300);
  EXPECT_EQ(look.heap.temporary.value(), 1);
  EXPECT_EQ(look.heap.growth_bytes, 100);
  EXPECT_EQ(look.live_bytes.value(), 164);
  EXPECT_EQ(look.live_blocks.value(), 2);
  ASSERT_EQ(look.sites.size(), 1u);
  EXPECT_EQ(look.sites[0].heap.bytes.value(), 300);
  EXPECT_EQ(look.unreadable_bytes, 0u);
}

TEST_F(LiveProfileTest, StreamsAreReadOnFromSegmentToSegment) {
  StreamBuilder& main = dump_.AddStream();
  main.Alloc(10, 0x1000, 64, 0);
  LiveProfile profile = Open();
  Look(&profile);
  main.Alloc(20, 0x2000, 64, 0);  // to the segment that was looked at
  main.GoOn();                    // which the next one goes on from
  main.Alloc(30, 0x3000, 64, 0);
  main.NextSegment();
  main.Alloc(40, 0x4000, 64, 0);
  const LiveLook& look = Look(&profile);
  EXPECT_EQ(look.heap.calls.value(), 3);
  EXPECT_EQ(look.live_blocks.value(), 4);
  EXPECT_EQ(look.unreadable_bytes, 0u);
}

TEST_F(LiveProfileTest, AFreeMayBeReadBeforeItsAllocation) {
  StreamBuilder& first = dump_.AddStream();
  StreamBuilder& second = dump_.AddStream();
  first.Free(20, 0x1000);  // read first, whatever its time
  second.Alloc(10, 0x1000, 64, 0);
  second.Alloc(30, 0x1000, 100, 0);
  LiveProfile profile = Open();
  const LiveLook& look = Look(&profile);
  EXPECT_EQ(look.live_blocks.value(), 1);
  EXPECT_EQ(look.live_bytes.value(), 100) << "the address was given out again";
}

TEST_F(LiveProfileTest, SitesAreSortedAsAskedFor) {
  StreamBuilder& main = dump_.AddStream();
  const uint64_t large = dump_.Stack({0x401000}), often = dump_.Stack({0x402000});
  main.Alloc(10, 0x1000, 10'000, large);
  for (uint64_t i = 0; i < 5; ++i) {
    main.Alloc(20 + 2 * i, 0x2000, 64, often);
    main.Free(21 + 2 * i, 0x2000);
  }
  LiveProfile profile = Open();
  EXPECT_EQ(Look(&profile).sites[0].heap.bytes.value(), 10'000);
  EXPECT_EQ(profile.Look(SiteOrder::kCalls, 10).sites[0].heap.calls.value(), 5);
  EXPECT_EQ(profile.Look(SiteOrder::kTemporary, 10).sites[0].heap.temporary.value(), 5);
  EXPECT_EQ(profile.Look(SiteOrder::kGrowth, 10).sites[0].heap.growth_bytes, 10'000);
  const LiveLook& one = profile.Look(SiteOrder::kBytes, 1);
  EXPECT_EQ(one.sites.size(), 1u);
  EXPECT_EQ(one.more_sites, 1u);
}

TEST_F(LiveProfileTest, WaitsAreThoseSinceTheLookBefore) {
  dump_.AddStream().Thread(0, 4711, "main");
  SegmentBuilder& table = dump_.AddLockTable();
  table.PutSlot(0x9000, 0x401000, 3, 300);
  LiveProfile profile = Open();
  EXPECT_EQ(Look(&profile).lock_waits.contended, 3u);
  table.PutSlot(0x9000, 0x402000, 2, 50);  // by another caller
  table.PutSlot(0x9100, 0x401000, 7, 70, LockApi::kCondWait);
  const LiveLook& look = Look(&profile);
  EXPECT_EQ(look.lock_waits.contended, 2u);
  EXPECT_EQ(look.lock_waits.wait_ns, 50u);
  EXPECT_EQ(look.other_waits.contended, 7u);
  ASSERT_EQ(look.locks.size(), 2u);
  EXPECT_FALSE(look.locks[0].is_lock) << "waited for longer";
  EXPECT_TRUE(look.locks[1].is_lock);
}

TEST_F(LiveProfileTest, ThinnedBlocksCountAsOften) {
  dump_.header().mode = Mode::kSample;
  StreamBuilder& main = dump_.AddStream();
  main.Put(AllocRecord{HeapApi::kMalloc, 10, 0x1000, 999, 0, sampling::LimitCode(5000)});
  main.Put(AllocRecord{HeapApi::kMalloc, 11, 0x2000, 999, 0, sampling::LimitCode(500)});
  LiveProfile profile = Open();
  EXPECT_EQ(Look(&profile).live_bytes.value(), 1998) << "every block is recorded at first";
  main.Put(ThinRecord{20, 1024});
  const LiveLook& look = Look(&profile);
  EXPECT_DOUBLE_EQ(look.live_bytes.value(), 999 * Weight::OfBlock(999, 1024).factor);
  EXPECT_FALSE(look.live_bytes.IsCertain());
}

TEST_F(LiveProfileTest, DamageIsCountedAndSteppedOver) {
  StreamBuilder& main = dump_.AddStream();
  main.Alloc(10, 0x1000, 64, 0);
  const uint8_t bad[] = {31, 31};
  main.current().Append(bad, sizeof bad);
  main.NextSegment();
  main.Alloc(20, 0x2000, 64, 0);
  LiveProfile profile = Open();
  const LiveLook& look = Look(&profile);
  EXPECT_EQ(look.live_blocks.value(), 2);
  EXPECT_EQ(look.unreadable_bytes, 2u);
}

TEST_F(LiveProfileTest, FromNowOnOnlyWhatComesCounts) {
  StreamBuilder& main = dump_.AddStream();
  const uint64_t stack = dump_.Stack({0x401000, 0x402000});
  main.Alloc(10, 0x1000, 64, stack);
  main.GoOn();
  main.Alloc(20, 0x2000, 64, stack);
  SegmentBuilder& table = dump_.AddLockTable();
  table.PutSlot(0x9000, 0x401000, 3, 300);
  LiveProfile profile = Open();
  profile.BeginNow();
  main.Alloc(30, 0x3000, 64, stack);
  main.GoOn();
  main.Alloc(40, 0x4000, 100, stack);
  table.PutSlot(0x9000, 0x402000, 2, 50);
  const LiveLook& look = Look(&profile);
  EXPECT_EQ(look.heap.calls.value(), 2);
  EXPECT_EQ(look.heap.bytes.value(), 164);
  EXPECT_EQ(look.lock_waits.contended, 2u);
  EXPECT_FALSE(look.is_live_known);
  ASSERT_EQ(look.sites.size(), 1u);
  EXPECT_FALSE(look.sites[0].frames.empty()) << "stacks were defined before";
  EXPECT_EQ(look.unreadable_bytes, 0u);
}

TEST_F(LiveProfileTest, WhoHasEnoughMayStop) {
  dump_.AddStream().Alloc(10, 0x1000, 64, 0);
  LiveProfile profile = Open();
  EXPECT_FALSE(profile.Read([](double) { return false; }));
}

// Of recorded dumps the replay, which has all events before it and sorts them, says the truth.
TEST(LiveProfileOfRecordedDumps, SaysWhatTheReplaySays) {
  size_t dumps = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden")) {
    if (entry.path().extension() != ".dump") continue;
    std::string error;
    Workers workers(1);
    const std::optional<Profile> profile = LoadProfile(entry.path(), &workers, &error);
    std::optional<DumpFile> file = DumpFile::Open(entry.path(), &error);
    ASSERT_TRUE(profile && file) << error;
    if (!profile->dump.damage.empty()) continue;
    LiveProfile live(*std::move(file), {});
    ASSERT_TRUE(live.Read(GoOn));
    const LiveLook& look = live.Look(SiteOrder::kBytes, 0);
    const HeapMetrics& total = profile->heap.total;
    EXPECT_NEAR(look.heap.calls.value(), total.allocations.value(), 1e-6) << entry.path();
    EXPECT_NEAR(look.heap.bytes.value(), total.bytes.value(), 1e-3) << entry.path();
    EXPECT_NEAR(look.heap.temporary.value(), total.temporary.value(), 1e-6) << entry.path();
    EXPECT_NEAR(look.live_bytes.value(), total.live_bytes.value(), 1e-3) << entry.path();
    EXPECT_NEAR(look.live_blocks.value(), total.live_blocks.value(), 1e-6) << entry.path();
    EXPECT_EQ(look.lock_waits.contended, profile->locks.contended) << entry.path();
    ++dumps;
  }
  EXPECT_GT(dumps, 0u);
}

}  // namespace
}  // namespace perfagent::test
