// What a process can find out about itself is the same with the agent as without it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

class Unnoticed : public testing::TestWithParam<std::string> {
 protected:
  // Sampled so often that the agent has as much to do as it ever has.
  Surroundings Around() const { return {.settings = {{"MODE", GetParam()}, {"INTERVAL", "64"}}}; }
};

INSTANTIATE_TEST_SUITE_P(Modes, Unnoticed, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

// Threads, handlers, signal masks, timers, limits, capabilities, directory, in the process and in a forked child.
TEST_P(Unnoticed, ByAProcessThatLooksAtItself) {
  const Recording recording = RecordLikeBare({TestProgram("unnoticed")}, Around());
  EXPECT_NE(recording.process.out.find("in a child\nthreads 1, timers 0"), std::string::npos);
  ExpectWhole(recording.dumps);
}

TEST_P(Unnoticed, InTheSizeAndAlignmentOfBlocks) {
  const Recording recording = RecordLikeBare({TestProgram("blocks")}, Around());
  EXPECT_NE(recording.process.out.find("damaged 0"), std::string::npos);
}

// Static thread-local storage is scarce for libraries that come late.
TEST_P(Unnoticed, ByLibrariesThatWantTheirShareOfThreadLocalMemory) {
  const std::string directory = "/usr/lib/x86_64-linux-gnu/";
  const std::string tcmalloc = directory + "libtcmalloc_minimal.so.4";
  REQUIRE_INSTALLED(std::filesystem::exists(tcmalloc), tcmalloc, "libtcmalloc-minimal4");
  const Recording recording = RecordLikeBare(
      {TestProgram("loads_late"), "libgomp.so.1", tcmalloc, "libstdc++.so.6"}, Around());
  EXPECT_NE(recording.process.out.find("libtcmalloc_minimal.so.4: loaded"), std::string::npos);
}

// A hook in place of syscall(): the sixth argument is on the stack, vfork and clone return twice.
TEST_P(Unnoticed, BySystemCallsByNumber) { RecordLikeBare({TestProgram("raw_calls")}, Around()); }

class ChildsFirstEvent : public Unnoticed {
 protected:
  void ExpectEveryAllocation(size_t threads) const {
    const Recording recording =
        RecordLikeBare({TestProgram("child_threads"), std::to_string(threads)}, Around());
    const std::vector<double> allocations =
        PerReport(ReportEach(recording.dumps), "Allocate", "allocations");
    EXPECT_EQ(allocations.size(), 2u);
    if (GetParam() == "sample") return;
    const double of_threads = 1000.0 * static_cast<double>(threads);
    EXPECT_EQ(allocations, (std::vector<double>{of_threads + 10, of_threads + 20}));
  }
};
INSTANTIATE_TEST_SUITE_P(Modes, ChildsFirstEvent, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST_P(ChildsFirstEvent, MayBeAnotherThreadsThanTheForkingOne) { ExpectEveryAllocation(1); }

// While one of them opens the dump, the others come, too.
TEST_P(ChildsFirstEvent, MayBeThoseOfManyThreadsAtOnce) {
  for (int run = 0; run < 3; ++run) ExpectEveryAllocation(4);
}

// Other libraries' keys may come first; a high key's value is kept in memory that libc takes from the heap.
TEST(HighThreadKeys, LoseNothing) {
  ExpectTruth(RecordLikeBare({TestProgram("many_keys")}, {.settings = {{"MODE", "full"}}}));
}

// Shells that export their variables themselves define these functions, too.
TEST(OwnGetenv, IsNeverAskedAndSettingsAreRead) {
  const Recording recording =
      RecordLikeBare({TestProgram("own_environment")}, {.settings = {{"MODE", "full"}}});
  EXPECT_EQ(recording.process.out, "asked 0 times\n");
  EXPECT_EQ(Report(recording.dump()).at("settings").at("mode"), "full");
}

TEST(OwnGetenv, OfBashHidesNoSettings) {
  REQUIRE_PROGRAM("bash", "bash");
  const Recording recording =
      RecordLikeBare({"bash", "-c", "X=1; export X; for i in 1 2 3; do echo $i; done"},
                     {.settings = {{"MODE", "full"}}});
  EXPECT_EQ(Report(recording.dump()).at("settings").at("mode"), "full");
}

// Below this a program may be too large for its container with the agent alone.
TEST_P(Unnoticed, InMemoryOfItsOwnBeyondTheBudget) {
  const std::vector<std::string> argv = {TestProgram("footprint"), "200000"};
  const ProcessTruth bare = ParseTruth(RunProcess(argv).out).front();
  const Recording recording = Record(argv, Around().settings);
  const ProcessTruth watched = ParseTruth(recording.process.out).front();
  const double added = watched.Number("anonymous_bytes") - bare.Number("anonymous_bytes");
  const bool full = GetParam() == "full";
  const double mib = 1 << 20;
  const double of_threads = (full ? 512.0 : 64.0) * 1024 * watched.Number("threads");
  EXPECT_LE(added, (full ? 64 : 24) * mib + of_threads);
  // Of 800,000 blocks.
  EXPECT_GT(Sum({Report(recording.dump()).at("heap")}, "allocations").value, 700'000);
}

}  // namespace
}  // namespace perfagent::test
