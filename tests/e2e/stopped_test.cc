// A thread that is stopped anywhere keeps nothing that another one needs: the agent has no lock.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "tests/support/behaviour.h"
#include "tests/support/progress.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

// tests/e2e/programs/workers.cc
constexpr size_t kWorkers = 3;
constexpr size_t kThreads = kWorkers + 1;  // the last one starts short threads

// A thread of a program under test, traced by this one: it can be stopped at any instruction.
class TracedThread {
 public:
  explicit TracedThread(pid_t tid) : tid_(tid) {
    seized_ = ptrace(PTRACE_SEIZE, tid_, nullptr, nullptr) == 0;
  }
  // A thread that ends traced waits for its tracer, and the process for it.
  ~TracedThread() {
    if (seized_ && Stop()) ptrace(PTRACE_DETACH, tid_, nullptr, nullptr);
  }
  TracedThread(const TracedThread&) = delete;
  TracedThread& operator=(const TracedThread&) = delete;
  bool seized() const { return seized_; }

  bool Stop() const {
    if (ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0) return false;
    int status = 0;
    return waitpid(tid_, &status, __WALL) == tid_ && WIFSTOPPED(status);
  }
  bool Continue() const { return ptrace(PTRACE_CONT, tid_, nullptr, nullptr) == 0; }

 private:
  pid_t tid_;
  bool seized_;
};

// Every thread but `stopped` has come at least so much further than `before`.
bool OthersHaveMoved(const std::vector<Progress>& before, const std::vector<Progress>& now,
                     size_t stopped) {
  // Workers: enough for a segment of the dump, so that one begins and is sealed while the thread is stopped.
  constexpr uint64_t kWorkerRounds = 2500;
  constexpr uint64_t kThreadsStarted = 3;
  for (size_t i = 0; i < kThreads; ++i) {
    const uint64_t least = i < kWorkers ? kWorkerRounds : kThreadsStarted;
    if (i != stopped && now[i].ended < before[i].ended + least) return false;
  }
  return true;
}

// Stops the first worker again and again; each time the others must come further.
void StopAtRandomMoments(const fs::path& file, size_t moments) {
  const TracedThread thread(static_cast<pid_t>(ReadProgress(file).front().tid));
  REQUIRE_PERMITTED(thread.seized(), "ptrace");
  std::mt19937 random(13);
  for (size_t moment = 0; moment < moments; ++moment) {
    usleep(random() % 2000);
    ASSERT_TRUE(thread.Stop()) << "moment " << moment;
    const std::vector<Progress> before = ReadProgress(file);
    const bool moved = WaitFor([&] { return OthersHaveMoved(before, ReadProgress(file), 0); });
    ASSERT_TRUE(thread.Continue());
    ASSERT_TRUE(moved) << "moment " << moment << ": others wait for the stopped thread";
  }
}

void RunAndStop(const std::map<std::string, std::string>& env, const fs::path& file,
                size_t moments) {
  ProcessOptions options;
  options.env = env;
  BackgroundProcess process({TestProgram("workers"), file, std::to_string(kWorkers)}, options);
  ASSERT_TRUE(WaitFor([&] { return AllHaveBegun(file, kThreads); }));
  StopAtRandomMoments(file, moments);
  process.Signal(SIGKILL);
  EXPECT_EQ(process.Wait().signal, SIGKILL) << "ran to the last moment";
}

// How the same goes without the agent says that what blocks otherwise is the agent.
TEST(Stopped, ThreadsOfTheBareProgramDoNotWaitForEachOther) {
  TempDir dir;
  RunAndStop({}, dir / "progress", 50);
}

class StoppedThread : public testing::TestWithParam<const char*> {};

TEST_P(StoppedThread, LetsAllOthersComeFurther) {
  TempDir dir;
  std::map<std::string, std::string> settings = {{"MODE", GetParam()}, {"MAX_SIZE", "4G"}};
  if (std::string(GetParam()) == "sample") settings["INTERVAL"] = "256";
  RunAndStop(AgentEnvironment(dir.path(), settings), dir / "progress",
             Repetitions("PERFAGENT_TEST_STOPS", 200));
  const std::vector<fs::path> dumps = DumpsIn(dir.path());
  if (testing::Test::IsSkipped()) return;
  ASSERT_EQ(dumps.size(), 1u);
  const nlohmann::json report = Report(dumps.front());
  EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
  EXPECT_FALSE(SitesBelow(report, "UseHeapAndLock").empty());
}

INSTANTIATE_TEST_SUITE_P(Modes, StoppedThread, testing::Values("full", "sample"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace perfagent::test
