// Signal handlers that interrupt the agent anywhere, use it themselves, and leave it by longjmp: nothing recorded is
// wrong afterwards, and recording goes on.
#include <gtest/gtest.h>

#include <ostream>
#include <sstream>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

// PERFAGENT_TEST_SIGNALS=20000 and the like for longer runs; 10,000 take a second.
std::string Signals() { return std::to_string(Repetitions("PERFAGENT_TEST_SIGNALS", 2500)); }

// What the program says of its rounds, and what the recording may differ by.
struct Rounds {
  double handled;   // times that the handler itself allocated, locked and freed
  double returned;  // rounds that were not left
  double left;
};

Rounds ReadRounds(const ProcessResult& process) {
  const ProcessTruth truth = ParseTruth(process.out).front();
  EXPECT_EQ(truth.Number("damaged"), 0);
  const auto& metrics = truth.functions.front().metrics;
  return {truth.Number("handled"), metrics.at("returned"), metrics.at("left")};
}

// What a handler does while its thread is inside the agent is lost, and counted; beside that next to nothing is.
void ExpectLittleLost(const Rounds& rounds, double lost) {
  constexpr double kEventsOfAHandler = 3;
  EXPECT_LE(lost, kEventsOfAHandler * rounds.handled + rounds.returned / 100);
}

class LongjmpOutOfHooks : public testing::TestWithParam<bool> {
 protected:
  // The lockless allocator serves all: a handler that allocates may have interrupted libc's.
  Recording Run(const std::string& what, std::map<std::string, std::string> settings) {
    settings["LD_PRELOAD"] = TestProgram("liblockless_allocator.so");
    std::vector<std::string> argv = {TestProgram("jump_out"), Signals(), what};
    if (GetParam()) argv.push_back("busy");
    Recording recording = Record(argv, settings);
    EXPECT_EQ(recording.process.exit_code, 0) << recording.process.Describe();
    return recording;
  }
};

INSTANTIATE_TEST_SUITE_P(Handlers, LongjmpOutOfHooks, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "busy" : "idle"; });

TEST_P(LongjmpOutOfHooks, EveryPublishedWaitIsOneThatHappened) {
  const Recording recording = Run("waits", {{"MODE", "full"}});
  const Rounds rounds = ReadRounds(recording.process);
  const FunctionTruth truth = ParseTruth(recording.process.out).front().functions.front();
  std::ostringstream mutex;
  mutex << "0x" << std::hex << static_cast<uint64_t>(truth.metrics.at("mutex_address"));

  double waits = 0;
  uint64_t last_time_ns = 0;
  ForEachEvent(recording.dump(), [&](const Event& event) {
    if (event.api != "pthread_mutex_timedlock") return;
    ++waits;
    EXPECT_EQ(event.fields.at(0), mutex.str());
    EXPECT_GE(event.time_ns, last_time_ns);
    last_time_ns = event.time_ns;
  });
  // A wait that was left may have been published before; one that returned always was, unless the handler's
  // thread could not enter the agent for a moment, which is counted.
  const double lost = Lost(Report(recording.dump()));
  EXPECT_GT(rounds.left, 0);
  EXPECT_GE(waits + lost, rounds.returned);
  EXPECT_LE(waits, rounds.returned + rounds.left);
  ExpectLittleLost(rounds, lost);
}

TEST_P(LongjmpOutOfHooks, EveryAcquisitionIsCountedOnce) {
  const Recording recording = Run("locks", {{"MODE", "full"}});
  const Rounds rounds = ReadRounds(recording.process);
  const nlohmann::json report = Report(recording.dump());
  const double acquisitions = ToEstimate(report.at("locks").at("acquisitions")).value;
  const double lost = Lost(report);
  constexpr double kOfTheProgram = 1;  // the other thread's
  EXPECT_GT(rounds.left, 0);
  EXPECT_GE(acquisitions + lost, 2 * rounds.returned + kOfTheProgram);
  EXPECT_LE(acquisitions, 2 * (rounds.returned + rounds.left) + rounds.handled + kOfTheProgram);
  ExpectLittleLost(rounds, lost);
}

// The sites below `function`, without what a handler that interrupted it did.
std::vector<nlohmann::json> OwnSites(const nlohmann::json& report, const std::string& function) {
  std::vector<nlohmann::json> sites;
  for (const nlohmann::json& site : SitesBelow(report, function)) {
    if (CountFrames(site.at("stack"), "UseInHandler") == 0) sites.push_back(site);
  }
  return sites;
}

// Addresses are used again at once: a free that was recorded twice, or late, would show as an overlap. A realloc that
// was left between its end and its record shows as one too.
TEST_P(LongjmpOutOfHooks, EveryBlockIsRecordedOnce) {
  const std::map<std::string, std::string> kModes[] = {{{"MODE", "full"}}, {{"INTERVAL", "1"}}};
  for (const auto& settings : kModes) {
    SCOPED_TRACE(settings.begin()->first);
    const Recording recording = Run("heap", settings);
    const Rounds rounds = ReadRounds(recording.process);
    const nlohmann::json report = Report(recording.dump());
    const double lost = Lost(report);
    const std::vector<nlohmann::json> sites = OwnSites(report, "AllocateTwice");
    EXPECT_GT(rounds.left, 0);
    for (const char* metric : {"allocations", kEndedBlocks}) {
      const double recorded = Sum(sites, metric).value;
      EXPECT_GE(recorded + lost, 2 * rounds.returned) << metric;
      EXPECT_LE(recorded, 2 * (rounds.returned + rounds.left)) << metric;
    }
    EXPECT_LE(report.at("heap").at("overlaps"), lost + rounds.left);
    EXPECT_LE(report.at("heap").at("unpaired_frees"), lost);
    ExpectLittleLost(rounds, lost);
  }
}

// Thousands of samples: their error is far below a tenth. A thread that a jump left outside the agent for good would
// be missed by much more.
TEST_P(LongjmpOutOfHooks, SamplingGoesOn) {
  const Recording recording = Run("heap", {{"INTERVAL", "4K"}});
  const Rounds rounds = ReadRounds(recording.process);
  const double allocations =
      Sum(OwnSites(Report(recording.dump()), "AllocateTwice"), "allocations").value;
  EXPECT_NEAR(allocations, 2 * rounds.returned, 0.2 * rounds.returned);
}

TEST_P(LongjmpOutOfHooks, TheProgramSeesNothingOfIt) {
  for (const char* what : {"waits", "locks", "heap"}) {
    for (const char* mode : {"sample", "off"}) {
      SCOPED_TRACE(std::string(what) + ", " + mode);
      const Recording recording = Run(what, {{"MODE", mode}});
      EXPECT_LE(Lines(recording.process.err).size(), 1u) << recording.process.err;
      EXPECT_GT(ReadRounds(recording.process).returned, 0);
    }
  }
}

}  // namespace
}  // namespace perfagent::test
