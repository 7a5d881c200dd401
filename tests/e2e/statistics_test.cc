// The statistics of sampled mode, tested as statistics: programs whose heap is known to the last block
// are recorded under 400 seeds each, and what the analyzer's JSON says is held against the truth.
//
// Of every figure: how many of the 400 intervals hold the truth, and whether the mean of the 400
// estimates is the truth. No model of the agent or of the analyzer takes part.
//
// The thresholds. Intervals of 95 % shall hold the truth in 92 % of the runs at least, and in 98 % at
// most where a figure rests on 30 samples or more: a wider interval says less than was known. 400
// runs measure a share only to +- 1.4 %, and some hundred figures are looked at, so a figure fails
// only where the share that was found has a probability below 0.05 / kFigures if the true share is
// 92 % (98 %). An interval that truly holds 92 % then fails one test run in twenty, one of 95 %
// practically never (349 of 400 are needed, seven standard errors below 380). An interval that is far
// too wide fails with 400 of 400. Seeds and populations are fixed, so only threads add chance.
//
// The mean error is to be within four standard errors of zero, where 3.5 would do for kFigures.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

constexpr int kRuns = 400;
constexpr int kFigures = 120;  // of all cases together, rounded up
constexpr double kAlpha = 0.05 / kFigures;

// ---- thresholds -------------------------------------------------------------------------------

double BinomialProbability(int count, int runs, double share) {
  return std::exp(std::lgamma(runs + 1.0) - std::lgamma(count + 1.0) -
                  std::lgamma(runs - count + 1.0) + count * std::log(share) +
                  (runs - count) * std::log1p(-share));
}
// The least count that is not improbably low where each run succeeds with probability `share`.
int LowestCount(int runs, double share) {
  double below = 0;
  int count = 0;
  while ((below += BinomialProbability(count, runs, share)) < kAlpha) ++count;
  return count;
}
int HighestCount(int runs, double share) {
  double above = 0;
  int count = runs;
  while ((above += BinomialProbability(count, runs, share)) < kAlpha) --count;
  return count;
}

TEST(StatisticsThresholds, PassWhatHoldsTheTruthOftenEnoughAndNoMore) {
  EXPECT_EQ(LowestCount(kRuns, 0.92), 349);
  EXPECT_EQ(HighestCount(kRuns, 0.98), kRuns - 1);
}

// ---- runs -------------------------------------------------------------------------------------

struct Sampled {
  ProcessTruth truth;
  nlohmann::json report;  // an element of `processes`
};

struct Settings {
  std::string kind;
  std::map<std::string, std::string> agent;
};

BackgroundProcess Start(const Settings& settings, const TempDir& dir, int seed) {
  std::map<std::string, std::string> agent = settings.agent;
  agent["SEED"] = std::to_string(seed);
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), agent);
  return {{TestProgram("population"), settings.kind}, options};
}

ProcessTruth Truth(BackgroundProcess* process) {
  const ProcessResult result = process->Wait();
  if (!result.Succeeded() || !result.err.empty()) throw std::runtime_error(result.Describe());
  return ParseTruth(result.out).front();
}

// One report of all dumps. Which run an element is of, its seed says: pids come again.
std::vector<Sampled> RunSeeds(const Settings& settings) {
  const TempDir dir;
  std::vector<Sampled> runs(kRuns);
  for (int seed = 1; seed < kRuns; seed += 2) {
    BackgroundProcess one = Start(settings, dir, seed);
    BackgroundProcess other = Start(settings, dir, seed + 1);
    runs[seed - 1].truth = Truth(&one);
    runs[seed].truth = Truth(&other);
  }
  const nlohmann::json report = Report(dir.path());
  EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
  for (const nlohmann::json& process : report.at("processes")) {
    runs.at(process.at("settings").at("seed").get<size_t>() - 1).report = process;
  }
  return runs;
}

// ---- figures ----------------------------------------------------------------------------------

// What a truth line and a report say about the same thing; nothing where the report says nothing.
struct Figure {
  std::string name;
  std::function<double(const Sampled&)> truth;
  std::function<std::optional<Estimate>(const Sampled&)> estimate;
  std::function<double(const Sampled&)> blocks;  // that it is about
  bool is_mean = false;                          // else a total
};

std::string BlocksOf(const std::string& metric) {
  return metric == "leaked_bytes"                       ? "leaked_blocks"
         : metric == "bytes" || metric == "lifetime_ns" ? "allocations"
                                                        : metric;
}

const FunctionTruth& TruthOf(const Sampled& run, const std::string& function) {
  for (const FunctionTruth& truth : run.truth.functions) {
    if (truth.function == function) return truth;
  }
  throw std::runtime_error("the truth line has no " + function);
}

Figure TotalOf(const std::string& metric, double outside) {
  return {"heap " + metric, [=](const Sampled& run) { return run.truth.Number(metric) + outside; },
          [=](const Sampled& run) { return ToEstimate(run.report.at("heap").at(metric)); },
          [=](const Sampled& run) { return run.truth.Number(BlocksOf(metric)); }};
}

// Of the function's largest site: the last call of a population is a site of its own.
Figure SiteFigure(const std::string& function, const std::string& metric) {
  return {function + " " + metric,
          [=](const Sampled& run) { return TruthOf(run, function).metrics.at(metric); },
          [=](const Sampled& run) -> std::optional<Estimate> {
            const std::vector<nlohmann::json> sites = SitesBelow(run.report, function);
            if (sites.empty() || sites.front().at(metric).is_null()) return std::nullopt;
            return ToEstimate(sites.front().at(metric));
          },
          [=](const Sampled& run) { return TruthOf(run, function).metrics.at(BlocksOf(metric)); },
          metric == "lifetime_ns"};
}

struct Outcome {
  int holding = 0;  // runs whose interval holds the truth; one without an estimate does not
  int estimates = 0;
  double mean_truth = 0;
  double mean_error = 0;
  double standard_error = 0;
  // As many equal ones would leave as much error; not more than there are blocks to be sampled.
  double samples = 0;
};

Outcome Evaluate(const Figure& figure, const std::vector<Sampled>& runs) {
  Outcome outcome;
  double sum = 0;
  double squares = 0;
  for (const Sampled& run : runs) {
    const double truth = figure.truth(run);
    outcome.mean_truth += truth / kRuns;
    const std::optional<Estimate> estimate = figure.estimate(run);
    if (!estimate) continue;
    ++outcome.estimates;
    // Figures are printed as whole numbers.
    outcome.holding += estimate->low <= truth + 1 && truth - 1 <= estimate->high;
    sum += estimate->value - truth;
    squares += (estimate->value - truth) * (estimate->value - truth);
  }
  outcome.mean_error = sum / outcome.estimates;
  const double variance = squares / outcome.estimates - outcome.mean_error * outcome.mean_error;
  outcome.standard_error = std::sqrt(variance / outcome.estimates);
  outcome.samples =
      std::min(outcome.mean_truth * outcome.mean_truth / variance, figure.blocks(runs.front()));
  return outcome;
}

void ExpectHonest(const Figure& figure, const std::vector<Sampled>& runs, bool bounds_width) {
  const Outcome outcome = Evaluate(figure, runs);
  SCOPED_TRACE(figure.name + ", truth " + std::to_string(outcome.mean_truth) + ", from " +
               std::to_string(outcome.samples) + " samples");
  EXPECT_GE(outcome.holding, LowestCount(kRuns, 0.92)) << "intervals that hold the truth";
  if (bounds_width && outcome.samples >= 30) {
    EXPECT_LE(outcome.holding, HighestCount(kRuns, 0.98)) << "intervals are too wide";
  }
  // A mean is a ratio of two estimates, whose bias is at most its standard deviation in one run times the coefficient of
  // variation of the number of blocks (Hartley and Ross, 1954), which is no greater than its own here.
  const double bias = figure.is_mean ? outcome.mean_truth / outcome.samples : 0;
  EXPECT_LE(std::abs(outcome.mean_error), 4 * outcome.standard_error + bias) << outcome.mean_error;
}

// ---- cases ------------------------------------------------------------------------------------

struct Case {
  std::string kind;
  int samples;  // expected of the whole heap; 0: the interval is the agent's choice
  std::string name;
  std::string max_size = {};  // of full mode, whose file is then nearly full; empty: sampled mode
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// The exact state first, then several intervals.
void ExpectChanges(const Sampled& run) {
  const nlohmann::json& others = run.report.at("unseen").at("other_intervals_bytes");
  EXPECT_GE(others.size(), 3u) << others.dump();
}

void ExpectEndOfFullMode(const Sampled& run) {
  const nlohmann::json& until = run.report.at("settings").at("full_until_ns");
  EXPECT_GT(until, 0);
  EXPECT_LT(until, run.report.at("duration_ns"));
}

class Statistics : public testing::TestWithParam<Case> {
 protected:
  // What the whole heap is, to the last block: the program's own count, and what libc allocates for
  // threads. Full mode must show nothing else.
  void SetUp() override {
    const Recording recording =
        Record({TestProgram("population"), GetParam().kind}, {{"MODE", "full"}});
    const nlohmann::json report = Report(recording.dump());
    const ProcessTruth truth = ParseTruth(recording.process.out).front();
    const std::vector<nlohmann::json> of_libc = SitesBelow(report, "Threads");
    for (const char* metric : {"allocations", "bytes", "frees", "reallocations", "temporary",
                               "leaked_blocks", "leaked_bytes"}) {
      outside_[metric] = Sum(of_libc, metric).value;
      EXPECT_EQ(ToEstimate(report.at("heap").at(metric)).value,
                truth.Number(metric) + outside_[metric])
          << metric;
    }
    EXPECT_LT(outside_["bytes"], truth.Number("bytes") / 100);
    charged_bytes_ = truth.Number("bytes") + truth.Number("allocations");
  }

  Settings SettingsOfCase() const {
    const Case& c = GetParam();
    Settings settings{c.kind, {}};
    if (!c.max_size.empty()) {
      settings.agent = {{"MODE", "full"}, {"MAX_SIZE", c.max_size}};
    } else if (c.samples == 0) {
      settings.agent = {{"INTERVAL", "auto"}};
    } else {
      const double interval = charged_bytes_ / c.samples;
      settings.agent = {{"INTERVAL", std::to_string(static_cast<uint64_t>(interval))}};
    }
    settings.agent["CLOCK"] = "vdso";  // the program's own clock_gettime
    return settings;
  }

  Figure Total(const std::string& metric) const { return TotalOf(metric, outside_.at(metric)); }

  std::vector<Figure> Figures() const {
    std::vector<Figure> figures;
    for (const char* metric : {"bytes", "allocations", "frees", "leaked_bytes", "leaked_blocks"}) {
      figures.push_back(Total(metric));
    }
    const bool has_chains = GetParam().kind.ends_with("chains");
    figures.push_back(Total(has_chains ? "reallocations" : "temporary"));
    const char* const site = has_chains ? "Grown" : "Passing";
    figures.push_back(SiteFigure(site, "bytes"));
    // Of several threads, one may lose the processor between its own reading of the clock and the agent's, while
    // others let it run: then the program's count is not the truth.
    if (GetParam().kind != "threads") figures.push_back(SiteFigure(site, "lifetime_ns"));
    return figures;
  }

 private:
  std::map<std::string, double> outside_;
  double charged_bytes_ = 0;
};

TEST_P(Statistics, IntervalsHoldTheTruthAndErrorsAverageOut) {
  const std::vector<Sampled> runs = RunSeeds(SettingsOfCase());
  for (const Sampled& run : runs) {
    if (!GetParam().max_size.empty()) {
      ExpectEndOfFullMode(run);
    } else if (GetParam().samples == 0) {
      ExpectChanges(run);
    }
  }
  // Where full mode ends, nearly all blocks that live are dropped at once, and intervals allow for the one that would
  // have weighed most.
  const bool bounds_width = GetParam().max_size.empty();
  for (const Figure& figure : Figures()) ExpectHonest(figure, runs, bounds_width);
}

std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    FixedInterval, Statistics,
    testing::Values(Case{"small", 10, "small_10"}, Case{"small", 100, "small_100"},
                    Case{"huge", 10, "huge_10"}, Case{"huge", 100, "huge_100"},
                    Case{"mixed", 15, "mixed_15"}, Case{"mixed", 150, "mixed_150"},
                    Case{"bursty", 10, "bursty_10"}, Case{"bursty", 100, "bursty_100"},
                    Case{"threads", 10, "threads_10"}, Case{"threads", 100, "threads_100"},
                    Case{"chains", 15, "chains_15"}, Case{"chains", 150, "chains_150"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(ChangingInterval, Statistics,
                         testing::Values(Case{"changing", 0, "changing"}), NameOf);

INSTANTIATE_TEST_SUITE_P(FullModeThatEnds, Statistics,
                         testing::Values(Case{"changing", 0, "changing", "256K"},
                                         Case{"many_chains", 0, "chains", "64K"}),
                         NameOf);

// ---- nothing seen ------------------------------------------------------------------------------

// An interval so wide that no block and no acquisition is sampled: the figures are 0, and not exact.
TEST(StatisticsOfNothing, EndWhereSomethingWouldHaveBeenSeen) {
  constexpr double kInterval = 1e9;
  const Recording recording =
      Record({TestProgram("population"), "small"},
             {{"INTERVAL", std::to_string(static_cast<uint64_t>(kInterval))}, {"SEED", "1"}});
  const nlohmann::json report = Report(recording.dump());
  // With 3.69 expected samples none is seen in 2.5 % of the cases.
  const double expected_samples = -std::log(0.025);
  for (const char* metric : {"bytes", "leaked_bytes", "allocations"}) {
    const Estimate estimate = ToEstimate(report.at("heap").at(metric));
    EXPECT_EQ(estimate.value, 0) << metric;
    EXPECT_EQ(estimate.low, 0) << metric;
    EXPECT_NEAR(estimate.high, expected_samples * kInterval, 100) << metric;
  }
  const Estimate acquisitions = ToEstimate(report.at("locks").at("acquisitions"));
  EXPECT_EQ(acquisitions.value, 0);
  EXPECT_TRUE(acquisitions.IsExact()) << "the first ones are all seen";
  EXPECT_TRUE(ToEstimate(report.at("locks").at("contended")).IsExact());
}

// ---- what the agent costs -----------------------------------------------------------------------

struct Budget {
  const char* setting;
  double share;
  const char* name;
};
void PrintTo(const Budget& budget, std::ostream* out) { *out << budget.name; }

// A program that does little else than allocate, for 20 s of a clock that only its own work and the
// readings of the agent advance.
class AgentsShare : public testing::TestWithParam<Budget> {};

TEST_P(AgentsShare, IsItsBudget) {
  const Budget& budget = GetParam();
  const Recording recording =
      Record({TestProgram("population"), "busy"},
             {{"INTERVAL", "auto"}, {"CLOCK", "vdso"}, {"BUDGET", budget.setting}, {"SEED", "1"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const nlohmann::json process = Report(recording.dump()).at("processes").at(0);
  const nlohmann::json& agent = process.at("agent");
  const double cpu_ns = ToEstimate(agent.at("cpu_ns")).value;
  const double slow_path_ns = ToEstimate(agent.at("slow_path_ns")).value;
  EXPECT_NEAR(cpu_ns, truth.Number("ran_ns"), 0.02 * cpu_ns) << "one thread that never waits";
  EXPECT_NEAR(slow_path_ns / cpu_ns, budget.share, 0.003);
  EXPECT_NEAR(ToEstimate(agent.at("share")).value, slow_path_ns / cpu_ns, 1e-4);
  // Here the agent's work is reading the clock. It can have cost no more than that; and of the two or
  // three readings of a slow path all but the last are part of what the first and the last enclose.
  EXPECT_LE(slow_path_ns, truth.Number("reading_ns"));
  EXPECT_GE(slow_path_ns, truth.Number("reading_ns") / 3);
}

INSTANTIATE_TEST_SUITE_P(Budgets, AgentsShare,
                         testing::Values(Budget{"1%", 0.01, "one_percent"},
                                         Budget{"0.5%", 0.005, "half_a_percent"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace perfagent::test
