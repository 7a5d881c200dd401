#include "analyzer/report/text_report.h"

#include <gtest/gtest.h>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(TextReport, SaysWhatRanHowItEndedAndWhatWasLost) {
  DumpBuilder dump;
  dump.header().exit_status = 3;
  dump.header().losses[static_cast<size_t>(Loss::kDiskFull)] = 312;
  Profile profile = ProfileOf(dump);
  const std::string text = TextReportOf(&profile);
  EXPECT_TRUE(Contains(text, "/usr/bin/app, pid 4711 on testhost")) << text;
  EXPECT_TRUE(Contains(text, "app --fast")) << text;
  EXPECT_TRUE(Contains(text, "exited with status 3")) << text;
  EXPECT_TRUE(Contains(text, "312 events (segment unavailable: disk full")) << text;
  EXPECT_FALSE(Contains(text, "everything")) << text;
  EXPECT_TRUE(Contains(text, "\nnext: analyzer report ")) << text;
}

TEST(TextReport, FullRecordingWithoutLossesIsCalledExact) {
  DumpBuilder dump;
  Profile profile = ProfileOf(dump);
  EXPECT_TRUE(Contains(TextReportOf(&profile), "everything: each event was recorded"));
}

TEST(TextReport, SaysUntilWhenAllWasRecorded) {
  DumpBuilder dump;
  dump.header().full_until_ticks = 12'300'000'000;
  dump.header().full_sample_bytes = 64 << 10;
  dump.AddStream().Alloc(1, 0x1000, 10, 0);
  Profile profile = ProfileOf(dump);
  const std::string text = TextReportOf(&profile);
  const std::string mode = "full until 12.3 s (the file was nearly full), sampled after that";
  EXPECT_TRUE(Contains(text, mode + ", heap, locks\n")) << text;
  EXPECT_TRUE(Contains(text, "what came before 12.3 s; number and time of contended waits"))
      << text;
  EXPECT_TRUE(Contains(text, "mean 64.0 KiB between samples\n")) << text;
  EXPECT_FALSE(Contains(text, "the highest of many estimates")) << "the peak came before";
  EXPECT_TRUE(Contains(InfoOf(dump), mode)) << InfoOf(dump);
}

TEST(TextReport, NamesTheLeakingFunctionAndItsSize) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  dump.Module(0x400000, 0x500000, "/nonexistent/app");
  stream.Alloc(1, 0x1000, 3 << 20, dump.Stack({0x401000}));
  Profile profile = ProfileOf(dump);
  const std::string text = TextReportOf(&profile);
  EXPECT_TRUE(Contains(text, "leaked       3.00 MiB in 1 blocks")) << text;
  EXPECT_TRUE(Contains(text, "app+0xfff (app)")) << text;
}

TEST(TextReport, DamageIsSaidWithItsPlaceAndSize) {
  DumpBuilder dump;
  dump.AddStream().NextSegment();
  std::vector<uint8_t> bytes = dump.Bytes();
  bytes.resize(bytes.size() - 1000);
  Profile profile = ProfileOf(bytes);
  EXPECT_TRUE(Contains(TextReportOf(&profile), "offset 39960: file ends here"))
      << TextReportOf(&profile);
}

TEST(TextReport, NamesCannotDriveTheTerminal) {
  DumpBuilder dump;
  snprintf(dump.header().executable, sizeof dump.header().executable, "/bin/\x1b[2Jevil\r\n\x9b");
  dump.Module(0x400000, 0x500000, "/x\x1b]0;title\x07.so");
  dump.AddStream().Alloc(1, 0x1000, 10, dump.Stack({0x401000}));
  Profile profile = ProfileOf(dump);
  const std::string text = TextReportOf(&profile);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x9b'), std::string::npos);
  EXPECT_TRUE(Contains(text, "\\x1b[2Jevil\\x0d\\x0a\\x9b")) << text;
}

TEST(TextReport, WaitsWithoutHoldersAreCalledUnattributed) {
  DumpBuilder dump;
  dump.AddLockTable().PutSlot(0x9000, 0x401000, 4, 5'000'000);
  Profile profile = ProfileOf(dump);
  const std::string text = TextReportOf(&profile);
  EXPECT_TRUE(Contains(text, "contended    4 times, waited 5.00 ms in all")) << text;
  EXPECT_TRUE(Contains(text, "unattributed 5.00 ms")) << text;
}

TEST(TextReport, AnRwlockHasItsReadersWritersAndReleasers) {
  DumpBuilder dump;
  SegmentBuilder& table = dump.AddLockTable();
  table.PutSlot(0x9000, 0x401000, 4, 5'000'000, LockApi::kRwlockRdlock);
  table.PutSlot(0x9000, 0x402000, 1, 2'000'000, LockApi::kRwlockWrlock);
  table.PutRelease(0x9000, 0x403000, 3, LockApi::kRwlockUnlock);
  Profile profile = ProfileOf(dump);
  const std::string text = TextReportOf(&profile);
  EXPECT_TRUE(Contains(text, "rwlock at 0x9000: 5 waits, 7.00 ms")) << text;
  EXPECT_TRUE(Contains(text, "readers: 4 waits, 5.00 ms; writers: 1 waits, 2.00 ms")) << text;
  EXPECT_TRUE(Contains(text, "released while awaited: 3 times by 0x402fff")) << text;
}

TEST(TextReport, SaysWhoWaitedForWhomAndWhatIsStuck) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Thread(0, 1, "main");
  const uint64_t waiter = dump.Stack({0x401000}), holder = dump.Stack({0x402000});
  WaitCut cuts[] = {{600, 0, holder}};
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 20, 1000, 0x9000, waiter, 0, 0, 1, cuts});
  stream.Put(LockWaitRecord{LockApi::kCondWait, 0, 20, 1000, 0xb000, waiter, 0, 0, 1, cuts});
  stream.Put(LockSectionRecord{LockApi::kMutexLock, kSectionContended, 1020, 500'000'000, 1, 0x9000,
                               waiter, 0, 1000, 3, 64, 250'000'000, 0, 0, 0});
  stream.current().SetWait(LockApi::kMutexLock, 0x9000, 400'000'000, 1, 1, holder);
  Profile profile = ProfileOf(dump);
  const std::string text = TextReportOf(&profile);
  for (const char* line :
       {"DEADLOCK: 1 thread waits for itself", "thread 1 (main) waits for mutex 0x9000",
        "60.0 % of the wait: 600 ns in 1 waits", "waiter  0x400fff", "holder  0x401fff",
        "50.0 % of the time: more threads can do at most 2 times as much; with sections half as "
        "long, these at most 1.33 times",
        "inside  50.0 % in the allocator; 3 allocations of 64 B", "hand-over    400 ns", "WAITING",
        "waker   0x401fff", "of it 400 ns after the first signal"}) {
    EXPECT_TRUE(Contains(text, line)) << line << "\n" << text;
  }
}

TEST(TextReport, EventsAreOneLineEachInReplayOrder) {
  DumpBuilder dump;
  StreamBuilder& main = dump.AddStream();
  StreamBuilder& other = dump.AddStream();
  main.Thread(0, 11, "main");
  other.Thread(0, 12, "other");
  main.Alloc(100, 0x55d0, 64, 0);
  other.Alloc(50, 0x66d0, 8, 0, HeapApi::kNew);
  other.Free(200, 0x55d0);
  main.Realloc(300, 0x66d0, 0x77d0, 80, 0);
  EXPECT_EQ(EventsOf(dump),
            "# 0 11 thread main\n"
            "# 0 12 thread other\n"
            "50 12 operator new 0x66d0 8 s0\n"
            "100 11 malloc 0x55d0 64 s0\n"
            "200 12 free 0x55d0 s0\n"
            "300 11 realloc old=0x66d0 new=0x77d0 80 s0\n");
}

}  // namespace
}  // namespace perfagent::test
