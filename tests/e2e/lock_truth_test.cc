// What the samples know about their locks (samples/lock_truth.h), against what is reported: how long each was waited for,
// who is to blame for it, which lock it was, and what was done while it was held. A table has both side by side.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/behaviour.h"
#include "tests/support/last_releaser.h"

namespace perfagent::test {
namespace {

using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

double Value(const Json& number) { return ToEstimate(number).value; }

double Exactly(const Json& number) {
  EXPECT_TRUE(ToEstimate(number).IsExact()) << number.dump();
  return Value(number);
}

// ---- which of the reported locks ------------------------------------------------------------

// "lib::hot_mutex" is called hot_mutex in truth lines.
bool IsNamed(const Json& lock, const std::string& name) {
  const std::string reported = lock.at("name");
  return reported == name || reported.ends_with("::" + name);
}

bool WasAllocatedIn(const Json& lock, const std::string& function) {
  const Json& allocated_at = lock.at("allocated_at");
  return !allocated_at.is_null() && CountFrames(allocated_at.at("stack"), function) > 0;
}

bool IsWaitedForIn(const Json& lock, const std::string& function) {
  const Json& waits = lock.at("waits");
  return std::any_of(waits.begin(), waits.end(), [&](const Json& wait) {
    return CountFrames(wait.at("waiter_stack"), function) > 0;
  });
}

// Locks of the heap are found by the function that made their block, those of libraries by their waiter.
bool IsMeant(const Json& lock, const ProcessTruth& truth) {
  const auto& values = truth.values;
  if (values.contains("allocated_in")) return WasAllocatedIn(lock, values.at("allocated_in"));
  if (IsNamed(lock, values.at("lock"))) return true;
  return values.contains("waiter") && IsWaitedForIn(lock, values.at("waiter"));
}

const Json* FindLock(const Json& report, const ProcessTruth& truth) {
  for (const Json& lock : report.at("locks").at("objects")) {
    if (IsMeant(lock, truth)) return &lock;
  }
  return nullptr;
}

// ---- who is to blame ------------------------------------------------------------------------

// Who released a lock; of what is no lock, who woke.
struct Culprits {
  const Json& parts;
  const char* stack;

  explicit Culprits(const Json& lock)
      : parts(lock.at("is_lock").get<bool>() ? lock.at("blame") : lock.at("wakers")),
        stack(lock.at("is_lock").get<bool>() ? "holder_stack" : "waker_stack") {}

  double Total() const {
    double sum = 0;
    for (const Json& part : parts) sum += Value(part.at("wait_ns"));
    return sum;
  }
  double Of(const std::string& function) const {
    double sum = 0;
    for (const Json& part : parts) {
      if (CountFrames(part.at(stack), function) > 0) sum += Value(part.at("wait_ns"));
    }
    return sum;
  }
  double Share(const std::string& function) const {
    const double total = Total();
    return total == 0 ? 0 : Of(function) / total;
  }
};

constexpr double kShareTolerance = 0.05;
constexpr double kWaitTolerance = 0.02;

void ExpectShares(const Json& lock, const ProcessTruth& truth) {
  const Culprits culprits(lock);
  for (const FunctionTruth& function : truth.functions) {
    if (!function.metrics.contains("share")) continue;
    EXPECT_NEAR(culprits.Share(function.function), function.metrics.at("share"), kShareTolerance)
        << function.function << " " << culprits.parts.dump(1);
  }
}

// Waiting for a condition is idleness: it has a column of its own.
double WaitedNs(const Json& lock) {
  return Exactly(lock.at(lock.at("kind") == "condition" ? "idle_ns" : "wait_ns"));
}

// ---- what must add up -----------------------------------------------------------------------

void ExpectEachNanosecondOnce(const Json& report) {
  for (const Json& lock : report.at("locks").at("objects")) {
    SCOPED_TRACE(lock.at("name").get<std::string>());
    const Json& kept = lock.at("kept");
    const auto ns = [&](const char* key) { return kept.at(key).get<uint64_t>(); };
    EXPECT_EQ(ns("blame_ns") + ns("hand_over_ns") + ns("unattributed_ns"), ns("wait_ns"));
    EXPECT_EQ(static_cast<double>(ns("wait_ns")) + Exactly(lock.at("not_kept_ns")), WaitedNs(lock));
  }
}

// Only what somebody else held back is contention.
void ExpectTotalsOfLocksAlone(const Json& report) {
  const Json& locks = report.at("locks");
  double contended = 0, wait_ns = 0;
  for (const Json& lock : locks.at("objects")) {
    if (!lock.at("is_lock").get<bool>()) continue;
    contended += Exactly(lock.at("contended"));
    wait_ns += Exactly(lock.at("wait_ns"));
  }
  EXPECT_EQ(Exactly(locks.at("contended")), contended);
  EXPECT_EQ(Exactly(locks.at("wait_ns")), wait_ns);
}

// ---- the table ------------------------------------------------------------------------------

void PrintHeading() {
  std::printf("%-26s %-7s %-14s %15s %21s %7s  %s\n", "sample", "mode", "lock", "waits", "wait ms",
              "off", "to blame, % (truth/report)");
}

void PrintRow(const std::string& sample, const std::string& mode, const ProcessTruth& truth,
              const Json& lock) {
  const double own_ns = truth.Number("wait_ns"), reported_ns = WaitedNs(lock);
  std::printf("%-26s %-7s %-14s %7.0f/%-7.0f %10.2f/%-10.2f %+6.2f%% ", sample.c_str(),
              mode.c_str(), truth.values.at("lock").c_str(), truth.Number("contended"),
              Value(lock.at("waits_ended")), own_ns / 1e6, reported_ns / 1e6,
              own_ns == 0 ? 0 : 100 * (reported_ns - own_ns) / own_ns);
  for (const FunctionTruth& function : truth.functions) {
    if (!function.metrics.contains("share")) continue;
    std::printf(" %s %.1f/%.1f", function.function.c_str(), 100 * function.metrics.at("share"),
                100 * Culprits(lock).Share(function.function));
  }
  std::printf("\n");
}

// ---- runs -----------------------------------------------------------------------------------

struct SampleRun {
  Recording recording;
  std::vector<ProcessTruth> truths;  // one for each lock
  Json report;

  // Of the only lock with this name; fails where there is none.
  const Json* Lock(const std::string& name) const {
    for (const ProcessTruth& truth : truths) {
      if (truth.values.at("lock") == name) return FindLock(report, truth);
    }
    return nullptr;
  }
};

SampleRun RunSample(const Arguments& sample, const std::string& mode) {
  Arguments argv = sample;
  argv.front() = Sample(sample.front());
  Recording recording = Record(argv, {{"MODE", mode}});
  EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  std::vector<ProcessTruth> truths = ParseTruth(recording.process.out);
  Json report = Report(recording.dump());
  EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
  ExpectEachNanosecondOnce(report);
  ExpectTotalsOfLocksAlone(report);
  return {std::move(recording), std::move(truths), std::move(report)};
}

// By how much the worst of the locks' waits differs from the program's own.
double WorstWait(const SampleRun& run) {
  double worst = 0;
  for (const ProcessTruth& truth : run.truths) {
    const Json* lock = FindLock(run.report, truth);
    const double own_ns = truth.Number("wait_ns");
    if (lock == nullptr || own_ns == 0) continue;
    worst = std::max(worst, std::abs(WaitedNs(*lock) / own_ns - 1));
  }
  return worst;
}

// A thread may be kept from running between the program's clock and the agent's: one of three runs in which none was.
SampleRun RunUndisturbed(const Arguments& sample, const std::string& mode) {
  for (int tries = 3;; --tries) {
    SampleRun run = RunSample(sample, mode);
    if (tries == 1 || WorstWait(run) <= kWaitTolerance) return run;
  }
}

std::string Joined(const Arguments& sample, char separator) {
  std::string joined;
  for (const std::string& word : sample) joined += (joined.empty() ? "" : " ") + word;
  std::replace(joined.begin(), joined.end(), ' ', separator);
  return joined;
}

#define REQUIRE_SAMPLE(name)                                                                       \
  REQUIRE_INSTALLED(!std::string(name).starts_with("rust_") || !FindProgram(Sample(name)).empty(), \
                    "rustc", "rustc")

// Sample, and mode.
class LockTruth : public testing::TestWithParam<std::tuple<Arguments, std::string>> {
 protected:
  static void SetUpTestSuite() { PrintHeading(); }
};

TEST_P(LockTruth, WaitsAndCulpritsAreTheProgramsOwn) {
  const auto& [sample, mode] = GetParam();
  REQUIRE_SAMPLE(sample.front());
  const SampleRun run = RunUndisturbed(sample, mode);
  for (const ProcessTruth& truth : run.truths) {
    SCOPED_TRACE(truth.values.at("lock"));
    const Json* lock = FindLock(run.report, truth);
    if (lock == nullptr) {
      EXPECT_EQ(truth.Number("contended"), 0) << run.report.at("locks").dump(1);
      continue;
    }
    PrintRow(Joined(sample, ' '), mode, truth, *lock);
    EXPECT_EQ(Exactly(lock->at("waits_ended")), truth.Number("contended"));
    const double own_ns = truth.Number("wait_ns"), reported_ns = WaitedNs(*lock);
    EXPECT_LE(reported_ns, own_ns) << "the program's clock runs around the agent's";
    EXPECT_GE(reported_ns, (1 - kWaitTolerance) * own_ns);
    ExpectShares(*lock, truth);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Samples, LockTruth,
    testing::Combine(
        testing::Values(Arguments{"lock_holders", "one"}, Arguments{"lock_holders", "two"},
                        Arguments{"lock_holders", "convoy"}, Arguments{"lock_holders", "chain"},
                        Arguments{"lock_holders", "readers"}, Arguments{"lock_holders", "mixed"},
                        Arguments{"lock_kinds", "idle"}, Arguments{"lock_kinds", "semaphore"},
                        Arguments{"lock_kinds", "spin"}, Arguments{"lock_kinds", "robust"},
                        Arguments{"lock_kinds", "trylock"}, Arguments{"lock_objects", "heap"},
                        Arguments{"lock_objects", "inside"},
                        Arguments{"lock_objects", "cache_line"},
                        Arguments{"lock_order", "inversion"}, Arguments{"absl_mutex"},
                        Arguments{"rust_mutex"}),
        testing::Values("full", "sample")),
    [](const auto& info) {
      return Joined(std::get<0>(info.param), '_') + "_" + std::get<1>(info.param);
    });

// ---- what samples are for -------------------------------------------------------------------

// Were the samples too easy, a wrong attribution would pass as well.
class LastReleaser : public testing::TestWithParam<std::string> {};

TEST_P(LastReleaser, IsNotWhoIsToBlame) {
  const SampleRun run = RunSample({"lock_holders", GetParam()}, "full");
  const std::vector<FunctionTruth>& functions = run.truths.front().functions;
  std::vector<std::string> names;
  for (const FunctionTruth& function : functions) names.push_back(function.function);
  const std::map<std::string, double> blame = BlameLastReleaser(run.recording.dump(), names);
  double total = 0, worst = 0;
  for (const auto& [function, ns] : blame) total += ns;
  ASSERT_GT(total, 0);
  ASSERT_LT(blame.contains("") ? blame.at("") : 0, 0.05 * total) << "waits without a release";
  for (const FunctionTruth& function : functions) {
    const auto found = blame.find(function.function);
    const double share = found == blame.end() ? 0 : found->second / total;
    std::printf("%-26s last releaser: %s %.1f %%, truth %.1f %%\n", GetParam().c_str(),
                function.function.c_str(), 100 * share, 100 * function.metrics.at("share"));
    worst = std::max(worst, std::abs(share - function.metrics.at("share")));
  }
  EXPECT_GT(worst, kShareTolerance);
}

INSTANTIATE_TEST_SUITE_P(Samples, LastReleaser, testing::Values("two", "readers"),
                         [](const auto& info) { return info.param; });

class LockTruthInMode : public testing::TestWithParam<std::string> {
 protected:
  static SampleRun Of(const Arguments& sample) { return RunSample(sample, GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Modes, LockTruthInMode, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST_P(LockTruthInMode, AStarvedWriterWaitsAndItsReadersDoNot) {
  const SampleRun run = Of({"lock_holders", "readers"});
  const Json* lock = run.Lock("hot_rwlock");
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(lock->at("kind"), "rwlock");
  EXPECT_EQ(Exactly(lock->at("readers").at("contended")), 0);
  EXPECT_EQ(lock->at("writers").at("wait_ns"), lock->at("wait_ns"));
}

// The holder's part, by the function that gave the lock away.
const Json* BlameOn(const Json& lock, const std::string& function) {
  for (const Json& part : lock.at("blame")) {
    if (CountFrames(part.at("holder_stack"), function) > 0) return &part;
  }
  return nullptr;
}

const Json* FindingOf(const Json& report, const std::string& kind) {
  for (const Json& finding : report.at("findings")) {
    if (finding.at("kind") == kind) return &finding;
  }
  return nullptr;
}

TEST_P(LockTruthInMode, WritersStarvedByReadersAreSaidWithConfidence) {
  const SampleRun run = Of({"lock_holders", "readers"});
  const Json* lock = run.Lock("hot_rwlock");
  ASSERT_NE(lock, nullptr);
  for (const Json& part : lock->at("blame")) EXPECT_EQ(part.at("holder_role"), "reader");
  EXPECT_EQ(Value(lock->at("writers").at("for_writers_ns")), 0);
  EXPECT_GT(Value(lock->at("writers").at("for_readers_ns")), 0);
  const Json* finding = FindingOf(run.report, "rwlock");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->at("confidence"), "high");
  EXPECT_EQ(finding->at("title"), "writers are starved by readers");
}

TEST_P(LockTruthInMode, WritersWaitForReadersAndForWritersAsTheProgramKnows) {
  const SampleRun run = Of({"lock_holders", "mixed"});
  const Json* lock = run.Lock("hot_rwlock");
  ASSERT_NE(lock, nullptr);
  const std::map<std::string, std::string> roles = {{"ReadBeforeWriters", "reader"},
                                                    {"WriteSlowly", "writer"}};
  double total_ns = 0;
  for (const char* key : {"for_readers_ns", "for_writers_ns"})
    total_ns += Value(lock->at("writers").at(key));
  for (const FunctionTruth& function : run.truths.front().functions) {
    const std::string& role = roles.at(function.function);
    const Json* part = BlameOn(*lock, function.function);
    ASSERT_NE(part, nullptr) << function.function;
    EXPECT_EQ(part->at("holder_role"), role);
    const double ns = Value(lock->at("writers").at("for_" + role + "s_ns"));
    EXPECT_NEAR(ns / total_ns, function.metrics.at("share"), kShareTolerance) << role;
  }
  // One reader is nobody who relieves others.
  const Json* finding = FindingOf(run.report, "rwlock");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->at("title"), "writers wait for long readers");
}

TEST_P(LockTruthInMode, WakesForNothingAreCountedAndOnlyAHerdIsAccused) {
  for (const char* wake : {"broadcast", "signal", "everyone"}) {
    SCOPED_TRACE(wake);
    const SampleRun run = Of({"lock_herd", wake});
    const ProcessTruth& truth = run.truths.front();
    const Json* condition = run.Lock("items_made");
    ASSERT_NE(condition, nullptr);
    EXPECT_EQ(Exactly(condition->at("waits_ended")), truth.Number("woken"));
    EXPECT_EQ(Exactly(condition->at("broadcasts")), truth.Number("broadcasts"));
    EXPECT_EQ(Exactly(condition->at("futile_wakes")), truth.Number("futile"));
    const bool is_herd = std::string(wake) == "broadcast";
    const Json* finding = FindingOf(run.report, "thundering_herd");
    ASSERT_EQ(finding != nullptr, is_herd);
    if (is_herd) {
      EXPECT_EQ(finding->at("where").at("lock"), "items_made");
    }
  }
}

TEST_P(LockTruthInMode, AnIdleConsumerIsNoContention) {
  const SampleRun run = Of({"lock_kinds", "idle"});
  EXPECT_EQ(Exactly(run.report.at("locks").at("contended")), 0);
  EXPECT_EQ(Exactly(run.report.at("locks").at("wait_ns")), 0);
  const Json* condition = run.Lock("queue_changed");
  ASSERT_NE(condition, nullptr);
  EXPECT_EQ(condition->at("kind"), "condition");
  EXPECT_EQ(condition->at("is_lock"), false);
  EXPECT_TRUE(condition->at("blame").empty());
  EXPECT_EQ(Exactly(condition->at("contended")), 0);
  EXPECT_EQ(Exactly(condition->at("wait_ns")), 0);
  // What follows the signal is how long it takes the machine to let the consumer run.
  const double idle_ns = Value(condition->at("idle_ns"));
  const double until_signals_ns = idle_ns - Value(condition->at("reacquire_ns"));
  EXPECT_NEAR(until_signals_ns, run.truths.front().functions.front().metrics.at("blame_ns"),
              0.05 * idle_ns);
}

TEST_P(LockTruthInMode, APoolOfSlotsIsNoContentionEither) {
  const SampleRun run = Of({"lock_kinds", "semaphore"});
  EXPECT_EQ(Exactly(run.report.at("locks").at("wait_ns")), 0);
  const Json* slots = run.Lock("slots");
  ASSERT_NE(slots, nullptr);
  EXPECT_EQ(slots->at("kind"), "semaphore");
  EXPECT_EQ(slots->at("is_lock"), false);
  EXPECT_TRUE(slots->at("blame").empty()) << "who posts need not have held anything";
}

TEST_P(LockTruthInMode, ASpinLockIsOne) {
  const SampleRun run = Of({"lock_kinds", "spin"});
  const Json* lock = run.Lock("hot_spin");
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(lock->at("kind"), "spin lock");
  EXPECT_EQ(lock->at("is_lock"), true);
}

// The kernel gave the mutex on: nobody is accused.
TEST_P(LockTruthInMode, ADeadOwnersWaitersAreUnattributed) {
  const SampleRun run = Of({"lock_kinds", "robust"});
  const Json* lock = run.Lock("robust_mutex");
  ASSERT_NE(lock, nullptr);
  EXPECT_TRUE(lock->at("blame").empty()) << lock->at("blame").dump(1);
  EXPECT_GT(lock->at("kept").at("wait_ns"), 0);
  EXPECT_EQ(lock->at("kept").at("unattributed_ns"), lock->at("kept").at("wait_ns"));
}

TEST_P(LockTruthInMode, RefusedTriesAreCountedWhereTheyAreMade) {
  const SampleRun run = Of({"lock_kinds", "trylock"});
  const ProcessTruth& truth = run.truths.front();
  const Json* lock = run.Lock("polled_mutex");
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(Exactly(lock->at("refused_tries")), truth.Number("refused_tries"));
  ASSERT_EQ(lock->at("pollers").size(), 1u);
  const Json& poller = lock->at("pollers").at(0);
  EXPECT_TRUE(IsFunction(poller.at("function"), truth.values.at("poller"))) << poller.dump();
  EXPECT_EQ(Exactly(poller.at("refused_tries")), truth.Number("refused_tries"));
}

TEST_P(LockTruthInMode, LocksOfTheHeapAreNamedByTheirBlockEachInItsTime) {
  const SampleRun run = Of({"lock_objects", "heap"});
  ASSERT_EQ(run.truths.size(), 2u);
  std::vector<const Json*> locks;
  for (const ProcessTruth& truth : run.truths) {
    const Json* lock = FindLock(run.report, truth);
    ASSERT_NE(lock, nullptr) << run.report.at("locks").dump(1);
    EXPECT_EQ(lock->at("named_by"), "allocation");
    EXPECT_EQ(lock->at("allocated_at").at("offset"), truth.Number("offset"));
    EXPECT_EQ(lock->at("allocated_at").at("size"), truth.Number("size"));
    locks.push_back(lock);
  }
  EXPECT_EQ(locks[0]->at("address"), locks[1]->at("address"));
  EXPECT_LT(locks[0]->at("generation"), locks[1]->at("generation"));
}

TEST_P(LockTruthInMode, WhatIsAllocatedInSectionsIsTheirs) {
  const SampleRun run = Of({"lock_objects", "inside"});
  const ProcessTruth& truth = run.truths.front();
  const Json* lock = run.Lock("fill_mutex");
  ASSERT_NE(lock, nullptr);
  ASSERT_FALSE(lock->at("hold").is_null()) << "sections were followed";
  const Json& inside = lock->at("inside");
  // One in 1,000 of 60,000: 60 are expected; the bound is four standard deviations away.
  const double sections = Value(lock->at("hold").at("sections"));
  EXPECT_NEAR(sections, truth.Number("sections"), 0.52 * truth.Number("sections"));
  // In each section the same: of the estimates' quotient the number of sections drops out.
  const double allocations = Value(inside.at("allocations")) / sections;
  const double bytes = Value(inside.at("bytes")) / sections;
  EXPECT_NEAR(allocations, truth.Number("allocations_in_each"), 0.01 * allocations);
  EXPECT_NEAR(bytes, truth.Number("bytes_in_each"), 0.01 * bytes);
  EXPECT_GT(Value(inside.at("allocator_ns")), 0);
  EXPECT_EQ(Value(inside.at("nested_waits")), 0);
  if (GetParam() == "sample") return;
  const FunctionTruth& heap = truth.functions.front();
  const Estimate seen = Sum(SitesBelow(run.report, heap.function), "allocations");
  EXPECT_EQ(seen.value, heap.metrics.at("allocations")) << "sections cost the heap nothing";
}

TEST_P(LockTruthInMode, NeighboursOnACacheLineAreTwoLocks) {
  const SampleRun run = Of({"lock_objects", "cache_line"});
  std::vector<uint64_t> lines;
  for (const ProcessTruth& truth : run.truths) {
    const Json* lock = FindLock(run.report, truth);
    ASSERT_NE(lock, nullptr) << run.report.at("locks").dump(1);
    lines.push_back(std::stoull(lock->at("address").get<std::string>(), nullptr, 16) / 64);
  }
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], lines[1]);
}

TEST_P(LockTruthInMode, AnOrderThatCouldDeadlockIsACycle) {
  const SampleRun run = Of({"lock_order", "inversion"});
  const Json& orders = run.report.at("locks").at("lock_order");
  ASSERT_EQ(orders.size(), 1u) << orders.dump(1);
  EXPECT_TRUE(run.report.at("locks").at("deadlocks").empty());
  const Json& cycle = orders.at(0).at("cycle");
  ASSERT_EQ(cycle.size(), run.truths.size());
  for (const ProcessTruth& truth : run.truths) {
    const auto edge = std::find_if(cycle.begin(), cycle.end(), [&](const Json& candidate) {
      return candidate.at("lock") == truth.values.at("lock");
    });
    ASSERT_NE(edge, cycle.end()) << cycle.dump(1);
    EXPECT_EQ(edge->at("then"), truth.values.at("then"));
    EXPECT_GT(CountFrames(edge->at("stack"), truth.values.at("in")), 0u) << edge->dump(1);
  }
}

// ---- what never ends ------------------------------------------------------------------------

SampleRun RunDeadlock(const std::string& mode) {
  ProcessOptions options;
  options.timeout = std::chrono::seconds(2);
  Recording recording = Record({Sample("lock_order"), "deadlock"}, {{"MODE", mode}}, options);
  EXPECT_TRUE(recording.process.timed_out);
  std::vector<ProcessTruth> truths = ParseTruth(recording.process.out);
  Json report = Report(recording.dump());
  return {std::move(recording), std::move(truths), std::move(report)};
}

// The wait of the thread among waits that go on, or members of a cycle.
const Json* OfThread(const Json& waits, const std::string& thread) {
  for (const Json& wait : waits) {
    if (wait.at("thread").at("name") == thread) return &wait;
  }
  return nullptr;
}

TEST_P(LockTruthInMode, ADeadlockShowsItsCycle) {
  const SampleRun run = RunDeadlock(GetParam());
  const Json& deadlocks = run.report.at("locks").at("deadlocks");
  ASSERT_EQ(deadlocks.size(), 1u) << run.report.at("locks").dump(1);
  const Json& cycle = deadlocks.at(0).at("cycle");
  ASSERT_EQ(cycle.size(), run.truths.size());
  for (const ProcessTruth& truth : run.truths) {
    const Json* member = OfThread(cycle, truth.values.at("thread"));
    ASSERT_NE(member, nullptr) << cycle.dump(1);
    EXPECT_EQ(member->at("waits_for"), truth.values.at("lock"));
    EXPECT_EQ(member->at("held_by").at("name"), truth.values.at("owner"));
    EXPECT_GT(CountFrames(member->at("stack"), truth.values.at("waiter")), 0u);
  }
}

TEST_P(LockTruthInMode, WaitsThatGoOnAreThereWithTheLocksOwner) {
  const SampleRun run = RunDeadlock(GetParam());
  const Json& ongoing = run.report.at("locks").at("ongoing");
  for (const ProcessTruth& truth : run.truths) {
    const Json* wait = OfThread(ongoing, truth.values.at("thread"));
    ASSERT_NE(wait, nullptr) << ongoing.dump(1);
    EXPECT_EQ(wait->at("api"), "pthread_mutex_lock");
    EXPECT_EQ(wait->at("lock"), truth.values.at("lock"));
    EXPECT_EQ(wait->at("owner").at("name"), truth.values.at("owner"));
    EXPECT_GT(CountFrames(wait->at("stack"), truth.values.at("waiter")), 0u);
  }
}

}  // namespace
}  // namespace perfagent::test
