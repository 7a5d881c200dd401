// Handlers that leave the agent by longjmp: nothing recorded is wrong afterwards, and recording goes on.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

TEST(LongjmpOutOfHooks, EveryPublishedWaitIsOneThatHappened) {
  const Recording recording = Record({TestProgram("jump_out"), "100000"}, {{"MODE", "full"}});
  ASSERT_EQ(recording.process.exit_code, 0) << recording.process.err;
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const double returned = truth.functions.front().metrics.at("returned");
  const double left = truth.functions.front().metrics.at("left");
  const auto address = static_cast<uint64_t>(truth.functions.front().metrics.at("mutex_address"));
  std::ostringstream mutex;
  mutex << "0x" << std::hex << address;

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
  const nlohmann::json report = Report(recording.dump());
  const double lost = report.at("loss").at("total").get<double>();
  EXPECT_GT(left, 0);
  EXPECT_GE(waits + lost, returned);
  EXPECT_LE(waits, returned + left);
  EXPECT_LT(lost, returned / 100);
}

}  // namespace
}  // namespace perfagent::test
