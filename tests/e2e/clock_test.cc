// The times in a dump, against the system's clock as the program itself read it around each call.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>

#include "perfagent/dump_format.h"
#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

constexpr char kClockSource[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

// What the program saw of one call.
struct Call {
  std::string kind;
  uint64_t pid = 0;
  std::string subject;  // the block's size, the mutex's address
  uint64_t before = 0;
  uint64_t releasing = 0;  // of a wait
  uint64_t after = 0;
};

std::vector<Call> CallsOf(const ProcessResult& process) {
  std::vector<Call> calls;
  for (const std::string& line : Lines(process.out)) {
    std::istringstream words(line);
    Call call;
    words >> call.kind >> call.pid >> call.subject >> call.before;
    if (call.kind == "wait") words >> call.releasing;
    words >> call.after;
    calls.push_back(call);
  }
  return calls;
}

template <typename T>
T HeaderField(const std::filesystem::path& dump, size_t offset) {
  std::ifstream file(dump, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  T value = {};
  file.read(reinterpret_cast<char*>(&value), sizeof value);
  return value;
}

// An event as the dump has it, on the system's clock.
struct Timed {
  uint64_t begin = 0;
  uint64_t end = 0;  // of a wait
};

// By size or address.
std::map<std::string, Timed> TimedEvents(const std::filesystem::path& dump) {
  const auto start = HeaderField<uint64_t>(dump, offsetof(HeaderPage, start_monotonic_ns));
  std::map<std::string, Timed> events;
  ForEachEvent(dump, [&](const Event& event) {
    const uint64_t begin = start + event.time_ns;
    if (event.api == "malloc") events[event.fields.at(1)] = {begin, begin};
    if (event.api == "pthread_mutex_lock" && event.fields.at(1).starts_with("wait="))
      events[event.fields.at(0)] = {begin, begin + std::stoull(event.fields.at(1).substr(5))};
  });
  return events;
}

std::string InfoLine(const std::filesystem::path& dump, const std::string& name) {
  const ProcessResult info = RunProcess({Analyzer(), "info", dump});
  EXPECT_TRUE(info.Succeeded()) << info.Describe();
  for (const std::string& line : Lines(info.out)) {
    if (line.starts_with("  " + name + " "))
      return line.substr(line.find_first_not_of(' ', name.size() + 2));
  }
  return "";
}

// `slack_ns`: what the conversion of ticks may be wrong by.
void ExpectTimes(const Recording& recording, size_t processes, uint64_t slack_ns) {
  ASSERT_EQ(recording.dumps.size(), processes) << recording.process.Describe();
  const std::vector<Call> calls = CallsOf(recording.process);
  size_t compared = 0;
  for (const std::filesystem::path& dump : recording.dumps) {
    const std::map<std::string, Timed> events = TimedEvents(dump);
    const auto pid = HeaderField<uint32_t>(dump, offsetof(HeaderPage, pid));
    for (const Call& call : calls) {
      if (call.pid != pid) continue;
      SCOPED_TRACE(call.kind + " " + call.subject);
      ASSERT_TRUE(events.contains(call.subject));
      const Timed& event = events.at(call.subject);
      EXPECT_GE(event.begin + slack_ns, call.before);
      EXPECT_LE(event.end, call.after + slack_ns);
      if (call.kind == "wait") {
        EXPECT_LE(event.begin, call.releasing + slack_ns);
        EXPECT_GE(event.end + slack_ns, call.releasing);
      }
      ++compared;
    }
  }
  EXPECT_EQ(compared, calls.size());
  EXPECT_GE(calls.size(), 2 * processes);
}

// By the readings of the whole run.
constexpr uint64_t kSlackNs = 20'000;
// By the header's two readings alone: 0.05 % of less than a second.
constexpr uint64_t kSlackOfFirstSecondNs = 500'000;

struct Case {
  const char* name;
  const char* clock;
  std::vector<std::string> arguments;
  size_t processes;
  uint64_t slack_ns;
};
void PrintTo(const Case& what, std::ostream* out) { *out << what.name; }

class Times : public testing::TestWithParam<Case> {};

TEST_P(Times, AreThoseOfTheSystemsClock) {
  const Case& what = GetParam();
  std::vector<std::string> argv = {TestProgram("timed_calls")};
  argv.insert(argv.end(), what.arguments.begin(), what.arguments.end());
  ExpectTimes(Record(argv, {{"MODE", "full"}, {"CLOCK", what.clock}}), what.processes,
              what.slack_ns);
}

INSTANTIATE_TEST_SUITE_P(
    All, Times,
    testing::Values(
        Case{"Exited", "auto", {"20", "20"}, 1, kSlackNs},
        Case{"ExitedVdso", "vdso", {"20", "20"}, 1, 0},
        Case{"ForSeconds", "auto", {"25", "100"}, 1, kSlackNs},
        Case{"KilledAfterSeconds", "auto", {"25", "100", "kill"}, 1, kSlackNs},
        Case{"KilledAfterSecondsVdso", "vdso", {"25", "100", "kill"}, 1, 0},
        Case{"KilledSoon", "auto", {"20", "10", "kill"}, 1, kSlackOfFirstSecondNs},
        Case{"Forked", "auto", {"20", "10", "fork"}, 2, kSlackNs},
        Case{"ForkedVdso", "vdso", {"20", "10", "fork"}, 2, 0},
        Case{"ForkedAndKilled", "auto", {"20", "10", "fork", "kill"}, 2, kSlackOfFirstSecondNs}),
    [](const auto& info) { return std::string(info.param.name); });

bool ProcessorHas(const std::string& flag) {
  const std::string cpuinfo = ReadFile("/proc/cpuinfo");
  return cpuinfo.find(" " + flag + " ") != std::string::npos;
}

TEST(Clock, IsTheProcessorsWhereTheKernelTrustsIt) {
  const bool trusted = ReadFile(kClockSource) == "tsc\n" && ProcessorHas("constant_tsc") &&
                       ProcessorHas("nonstop_tsc");
  const Recording recording = Record({TestProgram("timed_calls")}, {{"MODE", "full"}});
  const std::string clock = InfoLine(recording.dump(), "clock");
  EXPECT_EQ(clock.starts_with("tsc, "), trusted) << clock;
  EXPECT_EQ(clock == "CLOCK_MONOTONIC", !trusted) << clock;
}

TEST(Clock, IsTheSystemsWhereItIsAskedFor) {
  const Recording recording =
      Record({TestProgram("timed_calls")}, {{"MODE", "full"}, {"CLOCK", "vdso"}});
  EXPECT_EQ(InfoLine(recording.dump(), "clock"), "CLOCK_MONOTONIC");
}

TEST(Clock, IsTheSystemsWhereTheKernelDoesNotTrustTheProcessors) {
  REQUIRE_ROOT("a file of /sys must be covered");
  TempDir dir;
  WriteFile(dir / "source", "hpet\n");
  const std::string cover = "mount --bind '" + (dir / "source").string() + "' " + kClockSource;
  const ProcessResult may = RunProcess({"unshare", "--mount", "sh", "-c", cover});
  REQUIRE_PERMITTED(may.Succeeded(), "a mount in a namespace of its own");
  const Recording recording =
      Record({"unshare", "--mount", "sh", "-c", cover + " && exec " + TestProgram("timed_calls")},
             {{"MODE", "full"}, {"PROGRAMS", "timed_calls"}});
  EXPECT_EQ(InfoLine(recording.dump(), "clock"), "CLOCK_MONOTONIC");
  ExpectTimes(recording, 1, 0);
}

// A year of samples needs its readings: one a second, of all threads together.
TEST(Clock, IsReadOnceASecondAndAtTheEnd) {
  const Recording recording = Record({TestProgram("timed_calls"), "25", "100"}, {{"MODE", "full"}});
  const ProcessResult events = RunProcess({Analyzer(), "events", recording.dump()});
  size_t count = 0;
  for (const std::string& line : Lines(events.out)) {
    count += line.find(" clock monotonic=") != std::string::npos;
  }
  const std::vector<Call> calls = CallsOf(recording.process);
  const uint64_t seconds = (calls.back().after - calls.front().before) / 1'000'000'000;
  EXPECT_GE(count, 2u);
  EXPECT_LE(count, seconds + 3);
}

}  // namespace
}  // namespace perfagent::test
