#include "analyzer/views/view.h"

#include <gtest/gtest.h>

#include <cmath>

#include "analyzer/model/function_names.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

Profile ProfileInView(DumpBuilder& dump, EventView view) {
  const MemoryFile file(dump.Bytes());
  std::string error;
  Workers workers(1);
  std::optional<LoadedDump> loaded = LoadDump(file.path(), Reading::kDefinitions, &workers, &error);
  if (!loaded) throw std::runtime_error(error);
  return ReplayDump(*std::move(loaded), std::move(view), &workers);
}

EventView Window(uint64_t since_ns, uint64_t until_ns) {
  return {.since_ns = since_ns, .until_ns = until_ns, .has_thread = {}, .stacks = {}};
}

EventView OfThread(uint64_t tid) {
  EventView view;
  view.has_thread = [tid](uint64_t candidate, std::string_view) { return candidate == tid; };
  return view;
}

//   time   10    20    30    40    50    60    70
//   A 100  |-----------|
//   B  50        |-----------------|
//   C  70                    |-----------------|
//   D   5                                |- - -
//   live  100   150    50   120    70    75     5
class FourBlocks : public testing::Test {
 protected:
  FourBlocks() {
    StreamBuilder& stream = dump_.AddStream();
    stream.Thread(0, 1, "main");
    const uint64_t stack = dump_.Stack({0x401000});
    stream.Alloc(10, 0x1000, 100, stack);
    stream.Alloc(20, 0x2000, 50, stack);
    stream.Free(30, 0x1000);
    stream.Alloc(40, 0x3000, 70, stack);
    stream.Free(50, 0x2000);
    stream.Alloc(60, 0x4000, 5, stack);
    stream.Free(70, 0x3000);
  }
  HeapProfile In(uint64_t since_ns, uint64_t until_ns) {
    return ProfileInView(dump_, Window(since_ns, until_ns)).heap;
  }

  DumpBuilder dump_;
};

TEST_F(FourBlocks, HavePeaksOfResidentMemoryOfTheWindow) {
  StreamBuilder& other = dump_.AddStream();
  for (uint64_t time = 10; time <= 50; time += 10) other.Put(PeakResidentRecord{time, 7 * time, 0});
  const ResidentCourse course = In(20, 40).peak_resident;
  ASSERT_EQ(course.points.size(), 2u);
  EXPECT_EQ(course.points[0].time_ns, 20u);
  EXPECT_EQ(course.points[1].time_ns, 30u);
  EXPECT_EQ(course.points[1].peak_bytes, 210u);
}

TEST_F(FourBlocks, CountWhatHappensInTheWindow) {
  const HeapProfile heap = In(20, 60);
  EXPECT_EQ(heap.total.allocations.value(), 2) << "B and C";
  EXPECT_EQ(heap.total.bytes.value(), 120);
  EXPECT_EQ(heap.total.frees.value(), 2) << "A's and B's";
  EXPECT_EQ(heap.total.leaked_bytes.value(), 70) << "C, which is freed only later";
  EXPECT_EQ(heap.total.leaked_blocks.value(), 1);
  EXPECT_EQ(heap.total.peak_bytes.value(), 150);
  EXPECT_EQ(heap.peak_time_ns, 20u);
  ASSERT_TRUE(heap.whole);
  EXPECT_EQ(heap.whole->allocations.value(), 4);
  EXPECT_EQ(heap.whole->bytes.value(), 225);
}

TEST_F(FourBlocks, PeakOfAWindowBeginsWithWhatIsLiveThen) {
  const HeapProfile heap = In(25, 36);
  EXPECT_EQ(heap.total.allocations.value(), 0);
  EXPECT_EQ(heap.total.peak_bytes.value(), 150) << "A and B, from before";
  EXPECT_EQ(heap.peak_time_ns, 25u);
  EXPECT_EQ(heap.total.leaked_bytes.value(), 0) << "B was not allocated in the window";
  const HeapProfile later = In(45, 65);
  EXPECT_EQ(later.total.peak_bytes.value(), 120);
  EXPECT_EQ(later.total.leaked_bytes.value(), 5);
}

TEST_F(FourBlocks, WindowsThatMeetAddUp) {
  const HeapProfile all = ProfileOf(dump_).heap;
  EXPECT_FALSE(all.whole);
  for (uint64_t cut = 5; cut < 80; cut += 5) {
    const HeapProfile before = In(0, cut), after = In(cut, EventView::kNoEnd);
    EXPECT_EQ(before.total.bytes.value() + after.total.bytes.value(), all.total.bytes.value());
    EXPECT_EQ(before.total.frees.value() + after.total.frees.value(), 3) << cut;
    EXPECT_EQ(std::max(before.total.peak_bytes.value(), after.total.peak_bytes.value()), 150);
  }
}

TEST(View, FreesOfBlocksBeforeTheRecordingCountWhereTheyHappen) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Free(10, 0x1000);
  stream.Free(50, 0x2000);
  EXPECT_EQ(ProfileInView(dump, Window(0, 20)).heap.total.frees.value(), 1);
  EXPECT_EQ(ProfileInView(dump, Window(20, 40)).heap.total.frees.value(), 0);
}

// Thread 1 makes both blocks and frees one, thread 2 frees the other and makes one.
TEST(View, ThreadsHaveTheirOwnCallsAndWhatTheyMadeIsLive) {
  DumpBuilder dump;
  StreamBuilder &one = dump.AddStream(), &two = dump.AddStream();
  one.Thread(0, 1, "maker");
  two.Thread(0, 2, "other");
  const uint64_t stack = dump.Stack({0x401000});
  one.Alloc(10, 0x1000, 100, stack);
  one.Alloc(20, 0x2000, 50, stack);
  two.Free(30, 0x1000);
  two.Alloc(40, 0x3000, 1000, stack);
  one.Free(50, 0x3000);
  const HeapMetrics maker = ProfileInView(dump, OfThread(1)).heap.total;
  EXPECT_EQ(maker.allocations.value(), 2);
  EXPECT_EQ(maker.frees.value(), 1);
  EXPECT_EQ(maker.cross_thread_frees.value(), 1) << "of the other's block";
  EXPECT_EQ(maker.peak_bytes.value(), 150);
  EXPECT_EQ(maker.leaked_bytes.value(), 50);
  const HeapMetrics other = ProfileInView(dump, OfThread(2)).heap.total;
  EXPECT_EQ(other.bytes.value(), 1000);
  EXPECT_EQ(other.frees.value(), 1);
  EXPECT_EQ(other.leaked_bytes.value(), 0);
}

TEST(View, SampledBlocksCountWithTheirWeights) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().interval_bytes = 1000;
  StreamBuilder& stream = dump.AddStream();
  const uint64_t stack = dump.Stack({0x401000});
  stream.Alloc(10, 0x1000, 99, stack);
  stream.Alloc(20, 0x2000, 499, stack);
  const HeapMetrics late = ProfileInView(dump, Window(15, EventView::kNoEnd)).heap.total;
  const double weight = 1 / (1 - std::exp(-500.0 / 1000));
  EXPECT_NEAR(late.allocations.value(), weight, 1e-9);
  EXPECT_NEAR(late.leaked_bytes.value(), 499 * weight, 1e-6);
  EXPECT_FALSE(late.bytes.Interval().IsExact());
}

class ThreeWaits : public testing::Test {
 protected:
  explicit ThreeWaits(uint64_t interval_ns = 0) {
    StreamBuilder& stream = dump_.AddStream();
    stream.Thread(0, 1, "main");
    a_ = dump_.Stack({0x401000, 0x501000});
    b_ = dump_.Stack({0x402000, 0x502000});
    Put(&stream, 10, 100, a_, interval_ns);   // to 110
    Put(&stream, 200, 50, a_, interval_ns);   // to 250
    Put(&stream, 300, 500, b_, interval_ns);  // to 800
    dump_.AddLockTable().PutSlot(0x10, 0x401000, 2, 150);
    dump_.AddLockTable().PutSlot(0x10, 0x402000, 1, 500);
  }
  static void Put(StreamBuilder* stream, uint64_t time_ns, uint64_t wait_ns, uint64_t stack,
                  uint64_t interval_ns) {
    stream->Put(
        LockWaitRecord{LockApi::kMutexLock, 0, time_ns, wait_ns, 0x10, stack, 0, interval_ns});
  }

  DumpBuilder dump_;
  uint64_t a_ = 0;
  uint64_t b_ = 0;
};

TEST_F(ThreeWaits, CountWhereTheyEnd) {
  const LockProfile locks = ProfileInView(dump_, Window(105, 300)).locks;
  EXPECT_EQ(locks.contended, 2u);
  EXPECT_EQ(locks.wait_ns, 150u);
  EXPECT_EQ(locks.doubt.more.contended, 0u) << "all waits are kept: exact";
  EXPECT_EQ(locks.Whole().contended, 3u);
  EXPECT_EQ(locks.Whole().wait_ns, 650u);
  EXPECT_EQ(ProfileInView(dump_, Window(300, 800)).locks.contended, 0u);
  EXPECT_EQ(ProfileInView(dump_, Window(800, 801)).locks.wait_ns, 500u);
}

TEST_F(ThreeWaits, CountByTheirStacks) {
  EventView view;
  const Profile all = ProfileOf(dump_);
  view.stacks.assign(all.dump.process.stack_count(), false);
  view.stacks[all.dump.process.FindStack(b_)->value()] = true;
  const LockProfile locks = ProfileInView(dump_, view).locks;
  EXPECT_EQ(locks.contended, 1u);
  EXPECT_EQ(locks.wait_ns, 500u);
  ASSERT_EQ(locks.locks.size(), 1u);
  ASSERT_EQ(locks.locks[0].callers.size(), 1u);
  EXPECT_EQ(locks.locks[0].callers[0].pc, 0x402000u);
}

class SampledWaits : public ThreeWaits {
 protected:
  SampledWaits() : ThreeWaits(400) { dump_.header().mode = Mode::kSample; }
};

TEST_F(SampledWaits, AreScaledUpAndInDoubt) {
  const LockProfile locks = ProfileInView(dump_, Window(0, 300)).locks;
  const double weight_100 = 1 / (1 - std::exp(-100.0 / 400));
  const double weight_50 = 1 / (1 - std::exp(-50.0 / 400));
  EXPECT_NEAR(static_cast<double>(locks.contended), weight_100 + weight_50, 0.6);
  EXPECT_NEAR(static_cast<double>(locks.wait_ns), 100 * weight_100 + 50 * weight_50, 0.6);
  EXPECT_GT(locks.doubt.more.contended, 0u);
  EXPECT_GT(locks.doubt.fewer.wait_ns, 0u);
  EXPECT_EQ(ProfileOf(dump_).locks.contended, 3u) << "without a view the tables are exact";
}

TEST(Process, StacksWithAFrameAreThoseThatHaveIt) {
  DumpBuilder dump;
  dump.AddStream();
  const std::vector<std::vector<uint64_t>> pcs = {
      {0x10}, {0x20, 0x10}, {0x30, 0x20, 0x10}, {0x30, 0x10}, {0x20}};
  std::vector<uint64_t> ids;
  for (const std::vector<uint64_t>& stack : pcs) ids.push_back(dump.Stack(stack));
  const Profile profile = ProfileOf(dump);
  const std::vector<bool> with =
      profile.dump.process.StacksWith([](const Frame& frame) { return frame.pc == 0x20; });
  for (size_t i = 0; i < pcs.size(); ++i) {
    const bool has = std::find(pcs[i].begin(), pcs[i].end(), 0x20u) != pcs[i].end();
    EXPECT_EQ(with[profile.dump.process.FindStack(ids[i])->value()], has) << i;
  }
}

TEST(PointInTime, HasAUnitOrIsAMark) {
  EXPECT_EQ(ParsePointInTime("2.5s"), PointInTime(uint64_t{2'500'000'000}));
  EXPECT_EQ(ParsePointInTime("300ms"), PointInTime(uint64_t{300'000'000}));
  EXPECT_EQ(ParsePointInTime("1m"), PointInTime(uint64_t{60'000'000'000}));
  EXPECT_EQ(ParsePointInTime("0"), PointInTime(uint64_t{0}));
  EXPECT_EQ(ParsePointInTime("mark:a b"), PointInTime(std::string("a b")));
  for (const char* bad : {"", "5", "s", "-1s", "1 s", "1e400s", "nan", "infs", "1parsec"}) {
    EXPECT_EQ(ParsePointInTime(bad), std::nullopt) << bad;
  }
}

TEST(View, BadOptionIsNamedWithItsReason) {
  std::string error;
  EXPECT_FALSE(View::Parse({.ignore = "a(b"}, &error));
  EXPECT_NE(error.find("--ignore a(b: no regular expression: Unmatched"), std::string::npos)
      << error;
  EXPECT_FALSE(View::Parse({.since = "yesterday"}, &error));
  EXPECT_NE(error.find("--since yesterday: expected a time"), std::string::npos) << error;
}

TEST(WithoutTemplateArguments, KeepsWhatIsNoBracket) {
  EXPECT_EQ(WithoutTemplateArguments("std::vector<int, std::allocator<int> >::push_back(int&&)"),
            "std::vector<...>::push_back(int&&)");
  EXPECT_EQ(WithoutTemplateArguments("main"), "main");
  EXPECT_EQ(WithoutTemplateArguments("operator<<(std::basic_ostream<char>&, X)"),
            "operator<<(std::basic_ostream<...>&, X)");
  EXPECT_EQ(WithoutTemplateArguments("bool operator< <int>(A<int> const&)"),
            "bool operator< <...>(A<...> const&)");
  EXPECT_EQ(WithoutTemplateArguments("P<int>::operator->() const"), "P<...>::operator->() const");
  EXPECT_EQ(WithoutTemplateArguments("broken<int"), "broken<int");
}

}  // namespace
}  // namespace perfagent::test
