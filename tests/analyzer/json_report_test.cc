#include "analyzer/report/json_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

nlohmann::json ReportOf(DumpBuilder& dump) {
  Profile profile = ProfileOf(dump);
  return nlohmann::json::parse(JsonReportOf(&profile));
}

TEST(JsonReport, HasTheFieldsOfTheSchema) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Thread(0, 1, "main");
  dump.Module(0x400000, 0x500000, "/nonexistent/app");
  const uint64_t stack = dump.Stack({0x401000, 0x402000});
  stream.Alloc(10, 0x1000, 64, stack);
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 20, 1000, 0x9000, stack});
  dump.AddLockTable().PutSlot(0x9000, 0x401000, 1, 1000);
  const nlohmann::json report = ReportOf(dump);

  EXPECT_EQ(report.at("schema_version"), 1);
  const nlohmann::json& process = report.at("processes").at(0);
  EXPECT_EQ(process.at("executable"), "/usr/bin/app");
  EXPECT_EQ(process.at("command"), "app --fast");
  EXPECT_EQ(process.at("pid"), 4711);
  EXPECT_EQ(process.at("host"), "testhost");
  EXPECT_EQ(process.at("mode"), "full");
  EXPECT_EQ(process.at("ended"), "exited");
  EXPECT_EQ(process.at("exit_status"), 0);
  EXPECT_EQ(process.at("start_time"), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(process.at("duration_ns"), 1'000'000'000);
  EXPECT_EQ(process.at("loss").at("total"), 0);

  const nlohmann::json& site = process.at("heap").at("sites").at(0);
  EXPECT_EQ(site.at("api"), "malloc");
  EXPECT_EQ(site.at("allocations"), (nlohmann::json{{"value", 1}, {"low", 1}, {"high", 1}}));
  EXPECT_EQ(site.at("leaked_bytes").at("value"), 64);
  EXPECT_EQ(site.at("stack").size(), 2u);
  EXPECT_EQ(site.at("stack").at(0).at("function"), "app+0xfff");
  EXPECT_EQ(site.at("stack").at(0).at("module"), "/nonexistent/app");

  const nlohmann::json& lock = process.at("locks").at("objects").at(0);
  EXPECT_EQ(lock.at("name"), "mutex 0x9000, first waited for in app+0xfff");
  EXPECT_EQ(lock.at("kind"), "mutex");
  EXPECT_EQ(lock.at("address"), "0x9000");
  EXPECT_EQ(lock.at("wait_ns").at("value"), 1000);
  EXPECT_TRUE(lock.at("readers").is_null());
  EXPECT_EQ(lock.at("callers").at(0).at("api"), "pthread_mutex_lock");
  EXPECT_EQ(lock.at("released_awaited").at("value"), 0);
  EXPECT_TRUE(lock.at("releasers").empty());
  EXPECT_TRUE(lock.at("hold_ns").is_null());
  EXPECT_TRUE(lock.at("blame").empty());
  EXPECT_EQ(lock.at("waits").at(0).at("waits").at("value"), 1);
  EXPECT_EQ(lock.at("named_by"), "first_wait");
  EXPECT_EQ(lock.at("is_lock"), true);
  EXPECT_EQ(lock.at("waits_ended").at("value"), 1);
  EXPECT_EQ(lock.at("kept").at("unattributed_ns"), 1000);
  EXPECT_EQ(lock.at("not_kept_ns"), 0);
  EXPECT_EQ(lock.at("wait_distribution").at("p50_ns"), 1000);
  EXPECT_EQ(lock.at("threads").at(0).at("tid"), 4711);
  for (const char* key : {"hold", "inside", "utilisation", "idle_ns", "reacquire_ns"}) {
    EXPECT_TRUE(lock.at(key).is_null()) << key;
  }
  EXPECT_EQ(process.at("locks").at("unattributed_ns").at("value"), 1000);

  for (const char* key : {"settings", "loss", "heap", "locks", "findings"}) {
    EXPECT_EQ(report.at(key), process.at(key)) << key;
  }
}

TEST(JsonReport, AnRwlockSaysWhoReadWroteAndReleasedIt) {
  DumpBuilder dump;
  dump.AddStream().Thread(0, 1, "main");
  dump.Module(0x400000, 0x500000, "/nonexistent/app");
  SegmentBuilder& table = dump.AddLockTable();
  table.PutSlot(0x9000, 0x401000, 1, 1000, LockApi::kRwlockRdlock);
  table.PutSlot(0x9000, 0x402000, 2, 300, LockApi::kRwlockWrlock);
  table.PutRelease(0x9000, 0x403000, 3, LockApi::kRwlockUnlock);
  const nlohmann::json report = ReportOf(dump);
  const nlohmann::json& lock = report.at("processes").at(0).at("locks").at("objects").at(0);
  EXPECT_EQ(lock.at("kind"), "rwlock");
  EXPECT_EQ(lock.at("name"), "rwlock 0x9000, first waited for in app+0xfff");
  EXPECT_EQ(lock.at("readers").at("contended").at("value"), 1);
  EXPECT_EQ(lock.at("readers").at("wait_ns").at("value"), 1000);
  EXPECT_EQ(lock.at("writers").at("contended").at("value"), 2);
  EXPECT_EQ(lock.at("writers").at("wait_ns").at("value"), 300);
  EXPECT_EQ(lock.at("released_awaited").at("value"), 3);
  EXPECT_EQ(lock.at("releasers").at(0).at("function"), "app+0x2fff");
  EXPECT_EQ(lock.at("releasers").at(0).at("released_awaited").at("value"), 3);
}

TEST(JsonReport, BlameHoldsAndWhatIsStuckAreThere) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Thread(0, 1, "main");
  dump.Module(0x400000, 0x500000, "/nonexistent/app");
  const uint64_t waiter = dump.Stack({0x401000}), holder = dump.Stack({0x402000});
  WaitCut cuts[] = {{600, 0, holder}};
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 20, 1000, 0x9000, waiter, 0, 0, 1, cuts});
  stream.Put(LockWaitRecord{LockApi::kSemWait, 0, 20, 1000, 0xa000, waiter, 0, 0, 1, cuts});
  stream.Put(LockWaitRecord{LockApi::kCondWait, 0, 20, 1000, 0xb000, waiter, 0, 0, 1, cuts});
  stream.Put(LockSectionRecord{LockApi::kMutexLock, kSectionContended, 1020, 500'000'000, 101,
                               0x9000, waiter, 0, 1000, 3, 64, 20, 1, 30, 40});
  stream.Put(LockAcquireRecord{LockApi::kMutexLock, 30, 0xc000, waiter, 0, 0x9000});
  stream.Put(LockAcquireRecord{LockApi::kMutexLock, 40, 0x9000, holder, 0, 0xc000});
  stream.current().SetWait(LockApi::kMutexLock, 0x9000, 400'000'000, 1, 1, holder);
  const nlohmann::json report = ReportOf(dump).at("locks");

  EXPECT_EQ(report.at("contended").at("value"), 1);
  EXPECT_EQ(report.at("hand_over_ns").at("value"), 400);
  EXPECT_EQ(report.at("unattributed_ns").at("value"), 0);
  const nlohmann::json &mutex = report.at("objects").at(0), &semaphore = report.at("objects").at(1),
                       &condition = report.at("objects").at(2);
  const nlohmann::json& blame = mutex.at("blame").at(0);
  EXPECT_EQ(blame.at("wait_ns").at("value"), 600);
  EXPECT_EQ(blame.at("waits").at("value"), 1);
  EXPECT_EQ(blame.at("waiter_stack").at(0).at("function"), "app+0xfff");
  EXPECT_EQ(blame.at("holder_stack").at(0).at("function"), "app+0x1fff");
  EXPECT_TRUE(mutex.at("wakers").empty());
  EXPECT_EQ(mutex.at("hold_ns").at("value"), 500'000'000);
  EXPECT_EQ(mutex.at("hold").at("running_ns").at("value"), 100);
  EXPECT_EQ(mutex.at("inside").at("allocations").at("value"), 3);
  EXPECT_EQ(mutex.at("inside").at("idle_ns").at("value"), 40);
  EXPECT_EQ(mutex.at("utilisation"), 0.5);
  EXPECT_EQ(semaphore.at("kind"), "semaphore");
  EXPECT_TRUE(semaphore.at("blame").empty());
  EXPECT_EQ(semaphore.at("wakers").at(0).at("waker_stack").at(0).at("function"), "app+0x1fff");
  EXPECT_EQ(condition.at("contended").at("value"), 0);
  EXPECT_EQ(condition.at("waits_ended").at("value"), 1);
  EXPECT_EQ(condition.at("idle_ns").at("value"), 1000);
  EXPECT_EQ(condition.at("reacquire_ns").at("value"), 400);
  const nlohmann::json& ongoing = report.at("ongoing").at(0);
  EXPECT_EQ(ongoing.at("thread").at("name"), "main");
  EXPECT_EQ(ongoing.at("owner").at("tid"), 1);
  EXPECT_EQ(ongoing.at("waited_ns"), 600'000'000);
  EXPECT_EQ(ongoing.at("address"), "0x9000");
  EXPECT_EQ(report.at("deadlocks").at(0).at("cycle").at(0).at("held_by").at("tid"), 1);
  EXPECT_EQ(report.at("lock_order").at(0).at("cycle").size(), 2u);
  EXPECT_EQ(report.at("lock_order").at(0).at("cycle").at(0).at("count"), 1);
}

TEST(JsonReport, HostileNamesMakeValidJsonWithoutControlCharacters) {
  DumpBuilder dump;
  snprintf(dump.header().command_line, sizeof dump.header().command_line,
           "a\x1b[31m\"quoted\\\" \n \xff\xfe \xc2\x9b \xe2\x80\xae \xed\xa0\x80 caf\xc3\xa9");
  dump.AddStream().Thread(0, 1, "\x1b]0;title\x07");
  Profile profile = ProfileOf(dump);
  const std::string text = JsonReportOf(&profile);
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<uint8_t>(c) >= 0x20);
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
  const nlohmann::json report = nlohmann::json::parse(text);
  const std::string command = report.at("processes").at(0).at("command");
  EXPECT_EQ(command.substr(0, 19), "a\x1b[31m\"quoted\\\" \n \xef");
  EXPECT_NE(command.find("caf\xc3\xa9"), std::string::npos);
}

TEST(JsonReport, HostileNumbersMakeValidJson) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().interval_bytes = UINT64_MAX;
  dump.header().wait_interval_ticks = 1;
  dump.header().acquire_interval = UINT64_MAX;
  StreamBuilder& stream = dump.AddStream();
  for (uint64_t i = 0; i < 20; ++i) {
    stream.Alloc(UINT64_MAX - i, i, UINT64_MAX, 0);
    stream.Realloc(UINT64_MAX, i, i + 1, UINT64_MAX, 0, UINT64_MAX);
    stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 0, UINT64_MAX, i, 0, 0, 1});
    stream.Put(LockAcquireRecord{LockApi::kMutexLock, 0, i, 0, UINT64_MAX});
  }
  dump.AddLockTable().PutSlot(0x10, UINT64_MAX, UINT64_MAX, UINT64_MAX);
  Profile profile = ProfileOf(dump);
  EXPECT_TRUE(nlohmann::json::accept(JsonReportOf(&profile)));
  EXPECT_FALSE(TextReportOf(&profile).empty());
}

TEST(JsonReport, LossesComeWithCauseCountAndText) {
  DumpBuilder dump;
  dump.header().losses[static_cast<size_t>(Loss::kFileFull)] = 312;
  const nlohmann::json loss = ReportOf(dump).at("loss");
  EXPECT_EQ(loss.at("total"), 312);
  EXPECT_EQ(loss.at("causes").at(0).at("cause"), "file_full");
  EXPECT_EQ(loss.at("causes").at(0).at("count"), 312);
  EXPECT_EQ(loss.at("causes").at(0).at("text"), "segment unavailable: MAX_SIZE reached");
}

TEST(JsonReport, SaysUntilWhenAllWasRecorded) {
  DumpBuilder dump;
  EXPECT_TRUE(ReportOf(dump).at("settings").at("full_until_ns").is_null());
  dump.header().full_until_ticks = 12'300'000'000;
  const nlohmann::json settings = ReportOf(dump).at("settings");
  EXPECT_EQ(settings.at("full_until_ns"), 12'300'000'000);
  EXPECT_EQ(settings.at("mode"), "full");
}

TEST(JsonReport, EstimatesHaveIntervalsAroundThem) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().interval_bytes = 4096;
  StreamBuilder& stream = dump.AddStream();
  for (uint64_t i = 0; i < 100; ++i) stream.Alloc(i, 0x1000 + i * 64, 64, 0);
  const nlohmann::json bytes = ReportOf(dump).at("heap").at("bytes");
  EXPECT_LT(bytes.at("low"), bytes.at("value"));
  EXPECT_LT(bytes.at("value"), bytes.at("high"));
  EXPECT_GE(bytes.at("low"), 6400);
}

}  // namespace
}  // namespace perfagent::test
