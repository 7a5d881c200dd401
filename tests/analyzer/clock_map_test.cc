#include "analyzer/dump/clock_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kStartNs = 5'000'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

// A header of a 2 GHz counter, as measured over 0.2 ms.
struct TscHeader : HeaderPage {
  TscHeader() : HeaderPage{} {
    clock = Clock::kTsc;
    start_ticks = 123'456'789;
    start_monotonic_ns = kStartNs;
    calibration_ticks = start_ticks + 400'000;
    calibration_monotonic_ns = kStartNs + 200'000;
  }
};

ClockRecord ReadingAt(uint64_t ticks, uint64_t ns) { return {ticks, kStartNs + ns, 0}; }

TEST(ClockMap, OfCLOCK_MONOTONICLeavesEveryTimeAsItIs) {
  HeaderPage header = {};
  header.clock = Clock::kMonotonic;
  header.calibration_monotonic_ns = 77;
  const std::vector<ClockRecord> readings = {ReadingAt(1000, 1), ReadingAt(5000, 2)};
  const ClockMap clock(header, readings);
  for (const uint64_t time : {uint64_t{0}, uint64_t{1}, kSecond, UINT64_MAX - 1, UINT64_MAX}) {
    EXPECT_EQ(clock.NsAt(time), time);
    EXPECT_EQ(clock.SumNs(time), time);
  }
}

TEST(ClockMap, InterpolatesBetweenReadings) {
  // A counter of 2 GHz that is turned by up to 0.02 %, and its readings in no order.
  std::mt19937_64 random(3);
  std::vector<ClockRecord> readings;
  std::vector<std::pair<uint64_t, uint64_t>> truth = {{0, 0}};
  for (int i = 0; i < 1000; ++i) {
    const auto [ticks, ns] = truth.back();
    const uint64_t length = kSecond / 2 + random() % (uint64_t{10'000} * kSecond);
    const long double turned =
        0.5L + 0.0001L * (static_cast<long double>(random() % 2001) - 1000) / 1000;
    truth.emplace_back(ticks + length,
                       ns + static_cast<uint64_t>(static_cast<long double>(length) * turned));
    readings.push_back(ReadingAt(truth.back().first, truth.back().second));
  }
  std::shuffle(readings.begin(), readings.end(), random);
  const ClockMap clock(TscHeader(), readings);
  size_t hint = 0;
  for (size_t i = 1; i < truth.size(); ++i) {
    const auto [begin, begin_ns] = truth[i - 1];
    const auto [end, end_ns] = truth[i];
    EXPECT_EQ(clock.NsAt(end), end_ns);
    for (int k = 0; k < 20; ++k) {
      const uint64_t ticks = begin + random() % (end - begin);
      const long double expected =
          static_cast<long double>(begin_ns) + static_cast<long double>(end_ns - begin_ns) *
                                                   static_cast<long double>(ticks - begin) /
                                                   static_cast<long double>(end - begin);
      EXPECT_NEAR(
          static_cast<double>(static_cast<long double>(clock.NsAt(ticks, &hint)) - expected), 0,
          1.5);
    }
  }
}

TEST(ClockMap, RunsOnAtTheLastGoodRate) {
  // The header says 2 GHz; readings 0.02 % less, then 0.01 % less.
  const std::vector<ClockRecord> readings = {ReadingAt(2 * kSecond, 1'000'200'000),
                                             ReadingAt(4 * kSecond, 2'000'300'000),
                                             ReadingAt(4 * kSecond + 200, 2'000'300'190)};
  const ClockMap clock(TscHeader(), readings);
  EXPECT_NEAR(static_cast<double>(clock.NsAt(6 * kSecond)), 3'000'400'000, 100);
  EXPECT_NEAR(clock.TicksPerSecond(), 2e9 / 1.00015, 1);
  EXPECT_NEAR(static_cast<double>(clock.SumNs(4 * kSecond)), 2'000'300'000, 1);
}

TEST(ClockMap, WithoutReadingsGoesByTheHeaders) {
  const ClockMap clock(TscHeader(), {});
  EXPECT_EQ(clock.NsAt(2 * kSecond), kSecond);
  EXPECT_EQ(clock.SumNs(2 * kSecond), kSecond);
}

TEST(ClockMap, AHeaderThatCannotBeRightMakesATickANanosecond) {
  for (int wrong = 0; wrong < 4; ++wrong) {
    TscHeader header;
    if (wrong == 0) header.calibration_ticks = header.start_ticks;
    if (wrong == 1) header.calibration_monotonic_ns = 0;
    if (wrong == 2) header.calibration_monotonic_ns = UINT64_MAX;
    if (wrong == 3) header.calibration_ticks = UINT64_MAX;
    EXPECT_EQ(ClockMap(header, {}).NsAt(12345), 12345u) << wrong;
    const std::vector<ClockRecord> readings = {ReadingAt(2 * kSecond, kSecond)};
    EXPECT_EQ(ClockMap(header, readings).NsAt(kSecond), kSecond / 2) << "readings count still";
  }
}

TEST(ClockMap, AMachineThatSleptCountsTicksButNoTime) {
  constexpr uint64_t kHour = 3600 * kSecond;
  const std::vector<ClockRecord> readings = {ReadingAt(2 * kSecond, kSecond),
                                             ReadingAt(kHour, kSecond + 5),
                                             ReadingAt(kHour + 2 * kSecond, 2 * kSecond + 5)};
  const ClockMap clock(TscHeader(), readings);
  EXPECT_EQ(clock.NsAt(kHour), kSecond + 5);
  EXPECT_NEAR(static_cast<double>(clock.NsAt(kHour + 4 * kSecond)), 3 * kSecond + 5, 2);
  EXPECT_EQ(clock.SumNs(2 * kSecond), kSecond);
  const ClockMap asleep_at_the_end(TscHeader(), {readings.data(), 2});
  EXPECT_NEAR(static_cast<double>(asleep_at_the_end.NsAt(kHour + 2 * kSecond)), 2 * kSecond + 5, 2);
}

TEST(ClockMap, AnAbsurdReadingTakesNoOtherAlong) {
  for (const ClockRecord absurd :
       {ReadingAt(3 * kSecond, UINT64_MAX - kStartNs), ReadingAt(3 * kSecond, 0),
        ClockRecord{3 * kSecond, 0, 0}, ReadingAt(UINT64_MAX, 7), ReadingAt(0, 9 * kSecond)}) {
    const std::vector<ClockRecord> readings = {absurd, ReadingAt(2 * kSecond, kSecond),
                                               ReadingAt(4 * kSecond, 2 * kSecond)};
    const ClockMap clock(TscHeader(), readings);
    EXPECT_EQ(clock.NsAt(kSecond), kSecond / 2);
    EXPECT_EQ(clock.NsAt(3 * kSecond), kSecond * 3 / 2);
    EXPECT_EQ(clock.NsAt(6 * kSecond), 3 * kSecond);
  }
}

uint64_t Extreme(std::mt19937_64* random) {
  switch ((*random)() % 4) {
    case 0:
      return (*random)() % 100;
    case 1:
      return UINT64_MAX - (*random)() % 100;
    case 2:
      return uint64_t{1} << (*random)() % 64;
    default:
      return (*random)();
  }
}

TEST(ClockMap, NeverGoesBackwardsWhateverTheReadings) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 3000; ++round) {
    TscHeader header;
    if (round % 2 != 0) {
      header.start_ticks = Extreme(&random);
      header.start_monotonic_ns = Extreme(&random);
      header.calibration_ticks = Extreme(&random);
      header.calibration_monotonic_ns = Extreme(&random);
    }
    std::vector<ClockRecord> readings(random() % 20);
    for (ClockRecord& reading : readings)
      reading = {Extreme(&random), header.start_monotonic_ns + Extreme(&random), Extreme(&random)};
    const ClockMap clock(header, readings);
    std::vector<uint64_t> times;
    for (int i = 0; i < 50; ++i) times.push_back(Extreme(&random));
    for (const ClockRecord& reading : readings) {
      for (uint64_t near = 0; near < 3; ++near) times.push_back(reading.time + near - 1);
    }
    std::sort(times.begin(), times.end());
    uint64_t last = 0;
    size_t hint = random();
    for (const uint64_t ticks : times) {
      const uint64_t ns = clock.NsAt(ticks, &hint);
      ASSERT_GE(ns, last) << "round " << round << " ticks " << ticks;
      ASSERT_EQ(ns, clock.NsAt(ticks)) << "the hint is only a hint";
      last = ns;
    }
    EXPECT_TRUE(std::isfinite(clock.TicksPerSecond()));
    clock.SumNs(UINT64_MAX);
  }
}

TEST(ClockMap, ConvertsDurationsAsTheWayFromOneTimeToAnother) {
  // Twice as fast in the second half, as no clock is.
  const std::vector<ClockRecord> readings = {ReadingAt(1000, 500), ReadingAt(2000, 750)};
  const ClockMap clock(TscHeader(), readings);
  size_t hint = 0;
  Record wait = LockWaitRecord{LockApi::kMutexLock, 0, 500, 1000, 0x9000, 1};
  clock.Convert(&wait, &hint);
  EXPECT_EQ(std::get<LockWaitRecord>(wait).time, 250u);
  EXPECT_EQ(std::get<LockWaitRecord>(wait).wait, 375u);
  Record realloc = ReallocRecord{HeapApi::kRealloc, 0, 1000, 400, 0x1000, 0x2000, 1, 1};
  clock.Convert(&realloc, &hint);
  EXPECT_EQ(std::get<ReallocRecord>(realloc).time, 500u);
  EXPECT_EQ(std::get<ReallocRecord>(realloc).duration, 100u);
  Record longest = LockWaitRecord{LockApi::kMutexLock, 0, 500, UINT64_MAX, 0x9000, 1};
  clock.Convert(&longest, &hint);
  EXPECT_EQ(std::get<LockWaitRecord>(longest).wait, clock.NsAt(UINT64_MAX) - 250);
}

// Everything that a report says of times, of a counter of 2 GHz; the only reading is the last record.
TEST(ClockMap, WholeDumpsAreInNanoseconds) {
  DumpBuilder dump;
  const TscHeader clock;
  dump.header().clock = Clock::kTsc;
  dump.header().start_ticks = clock.start_ticks;
  dump.header().start_monotonic_ns = clock.start_monotonic_ns;
  dump.header().calibration_ticks = clock.calibration_ticks;
  dump.header().calibration_monotonic_ns = clock.calibration_monotonic_ns;
  dump.header().end_ticks = 8 * kSecond;
  StreamBuilder& main = dump.AddStream();
  const uint64_t stack = dump.Stack({0x401000});
  main.Thread(2000, 4711, "main");
  main.Alloc(4000, 0x1000, 64, stack);
  main.Put(MarkRecord{6000, "here"});
  main.Free(9000, 0x1000);
  main.Put(LockWaitRecord{LockApi::kMutexLock, 0, 10'000, 20'000, 0x9000, stack});
  StreamBuilder& other = dump.AddStream();
  other.Thread(5000, 4712, "other");
  other.Put(ClockRecord{4 * kSecond, kStartNs + 2 * kSecond, 0});
  dump.AddLockTable().PutSlot(0x9000, 0x401000, 1, 20'000);

  const std::string events = EventsOf(dump);
  for (const char* line :
       {"# 1000 4711 thread", "\n2000 4711 malloc", "# 2500 4712 thread", "# 3000 4711 mark",
        "\n4500 4711 free", "\n5000 4711 pthread_mutex_lock 0x9000 wait=10000 ",
        "# 2000000000 4712 clock monotonic=7000000000"}) {
    EXPECT_NE(events.find(line), std::string::npos) << line << " in\n" << events;
  }
  EXPECT_LT(events.find("# 2500 4712"), events.find("# 3000 4711")) << events;
  const Profile profile = ProfileOf(dump);
  EXPECT_EQ(profile.dump.process.facts.duration_ns, 4 * kSecond);
  EXPECT_EQ(profile.dump.process.threads().at(0).begin_ns, 1000u);
  EXPECT_EQ(profile.dump.process.marks().at(0).time_ns, 3000u);
  EXPECT_EQ(profile.locks.wait_ns, 10'000u);
  EXPECT_EQ(profile.heap.sites.at(0).lifetimes.max_ns(), 2500u);
  EXPECT_EQ(profile.heap.peak_time_ns, 2000u);
  EXPECT_NE(InfoOf(dump).find("tsc, 2 GHz"), std::string::npos) << InfoOf(dump);
}

}  // namespace
}  // namespace perfagent::test
