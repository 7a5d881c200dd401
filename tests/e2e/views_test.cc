// Views of a report, against what the samples know about themselves.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

ProcessResult Analyze(std::vector<std::string> words, const std::vector<std::string>& options,
                      const std::filesystem::path& dump) {
  words.insert(words.begin(), Analyzer());
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(dump);
  return RunProcess(words);
}

nlohmann::json InView(const std::filesystem::path& dump, const std::vector<std::string>& options) {
  const ProcessResult result = Analyze({"report", "--format", "json"}, options, dump);
  EXPECT_TRUE(result.Succeeded()) << result.Describe();
  return nlohmann::json::parse(result.out);
}

std::string TextInView(const std::filesystem::path& dump, const std::vector<std::string>& options) {
  return Analyze({"report"}, options, dump).out;
}

const FunctionTruth& TruthOf(const ProcessTruth& truth, const std::string& function) {
  for (const FunctionTruth& candidate : truth.functions) {
    if (candidate.function == function) return candidate;
  }
  throw std::runtime_error("no truth about " + function);
}

void ExpectTruthOf(const FunctionTruth& truth, const nlohmann::json& report) {
  const std::vector<nlohmann::json> sites = SitesBelow(report, truth.function);
  for (const auto& [metric, expected] : truth.metrics) {
    EXPECT_EQ(Sum(sites, MetricOfTruth(metric)).value, expected) << truth.function << metric;
  }
}

std::string Hex(uint64_t number) {
  char text[32];
  snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
  return text;
}

TEST(Views, PhasesBetweenMarksHaveTheirOwnBlocks) {
  const Recording recording = Record({Sample("phases"), "500"}, {{"MODE", "full"}});
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const nlohmann::json serve = InView(recording.dump(), {"--since", "mark:serve"});
  ExpectTruthOf(TruthOf(truth, "Serve"), serve);
  EXPECT_TRUE(SitesBelow(serve, "Warm").empty());
  const nlohmann::json warm =
      InView(recording.dump(), {"--since", "mark:warm up", "--until", "mark:serve"});
  ExpectTruthOf(TruthOf(truth, "Warm"), warm);
  EXPECT_TRUE(SitesBelow(warm, "Serve").empty());
  EXPECT_EQ(ToEstimate(warm.at("heap").at("allocations")).value, 500) << "nothing else allocates";
}

TEST(Views, MarkThatIsNotThereIsSaidWithThoseThatAre) {
  const Recording recording = Record({Sample("phases"), "5"}, {{"MODE", "full"}});
  const ProcessResult result = Analyze({"report"}, {"--since", "mark:lunch"}, recording.dump());
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_NE(result.err.find("no mark \"lunch\"; there is warm up, serve"), std::string::npos)
      << result.err;
}

TEST(Views, FocusAndIgnoreArePartsOfTheWhole) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}});
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const FunctionTruth& leak = TruthOf(truth, "LeakHere");
  const nlohmann::json focus = InView(recording.dump(), {"--focus", "LeakHe.e"});
  ExpectTruthOf(leak, focus);
  EXPECT_EQ(ToEstimate(focus.at("heap").at("leaked_bytes")).value, leak.metrics.at("leaked_bytes"));
  EXPECT_EQ(ToEstimate(focus.at("heap").at("bytes")).value, leak.metrics.at("bytes"));
  const nlohmann::json ignore = InView(recording.dump(), {"--ignore", "LeakHe.e"});
  EXPECT_TRUE(SitesBelow(ignore, "LeakHere").empty());
  ExpectTruthOf(TruthOf(truth, "FreedHere"), ignore);
  const nlohmann::json whole = InView(recording.dump(), {});
  for (const nlohmann::json& part : {focus, ignore})
    EXPECT_EQ(part.at("heap").at("whole").at("bytes"), whole.at("heap").at("bytes"));
  EXPECT_EQ(ToEstimate(focus.at("heap").at("bytes")).value +
                ToEstimate(ignore.at("heap").at("bytes")).value,
            ToEstimate(whole.at("heap").at("bytes")).value);
}

TEST(Views, HiddenFramesAreGoneAndWhatIsLeftAddsUp) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}});
  const nlohmann::json report = InView(recording.dump(), {"--hide", "^main$|libc"});
  for (const nlohmann::json& site : report.at("heap").at("sites"))
    EXPECT_EQ(CountFrames(site.at("stack"), "main"), 0u);
  EXPECT_EQ(report.at("heap").at("bytes"), InView(recording.dump(), {}).at("heap").at("bytes"));
}

TEST(Views, NothingThatMatchesIsSaid) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}});
  const std::string text = TextInView(recording.dump(), {"--focus", "NoSuchFunction"});
  EXPECT_NE(text.find("showing      nothing: no site matches; 0 B of "), std::string::npos) << text;
}

TEST(Views, BadRegularExpressionIsAUsageError) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}});
  for (const char* option : {"--focus", "--ignore", "--hide", "--thread"}) {
    const ProcessResult result = Analyze({"report"}, {option, "a[b"}, recording.dump());
    EXPECT_EQ(result.exit_code, 2) << option;
    EXPECT_NE(result.err.find(std::string(option) + " a[b: no regular expression: "),
              std::string::npos)
        << result.err;
  }
}

// What each thread waited is in the tables, too, which the view does not use.
TEST(Views, ThreadsHaveTheirOwnWaits) {
  const Recording recording = Record({Sample("lock_holders"), "two"}, {{"MODE", "full"}});
  const nlohmann::json report = InView(recording.dump(), {});
  size_t threads = 0;
  for (const nlohmann::json& lock : report.at("locks").at("objects")) {
    if (lock.at("name") != "hot_mutex") continue;
    for (const nlohmann::json& thread : lock.at("threads")) {
      const std::string name = thread.at("name");
      const nlohmann::json view = InView(recording.dump(), {"--thread", "^" + name + "$"});
      EXPECT_EQ(view.at("locks").at("contended"), thread.at("contended")) << name;
      const std::string tid = std::to_string(thread.at("tid").get<int>());
      const nlohmann::json by_id = InView(recording.dump(), {"--thread", tid});
      EXPECT_EQ(by_id.at("locks").at("contended"), thread.at("contended")) << tid;
      ++threads;
    }
  }
  EXPECT_GE(threads, 3u);
}

TEST(Views, WaitsOfAFunctionAreWhatItCounted) {
  const Recording recording = Record({Sample("lock_holders"), "two"}, {{"MODE", "full"}});
  const nlohmann::json whole = InView(recording.dump(), {});
  const nlohmann::json view = InView(recording.dump(), {"--focus", "WaitForHotMutex"});
  const nlohmann::json rest = InView(recording.dump(), {"--ignore", "WaitForHotMutex"});
  EXPECT_GT(view.at("locks").at("contended").at("value"), 0);
  EXPECT_EQ(view.at("locks").at("whole").at("contended"), whole.at("locks").at("contended"));
  EXPECT_EQ(view.at("locks").at("contended").at("value").get<int>() +
                rest.at("locks").at("contended").at("value").get<int>(),
            ParseTruth(recording.process.out).front().Number("contended"));
}

TEST(Views, SampledWaitsOfAFunctionAreEstimates) {
  const Recording recording =
      Record({Sample("lock_holders"), "two"}, {{"MODE", "sample"}, {"INTERVAL", "64K"}});
  const double truth = ParseTruth(recording.process.out).front().Number("contended");
  const nlohmann::json view = InView(recording.dump(), {"--focus", "WaitForHotMutex|HoldShort"});
  const Estimate contended = ToEstimate(view.at("locks").at("contended"));
  EXPECT_FALSE(contended.IsExact());
  EXPECT_TRUE(contended.Contains(truth)) << truth << " " << view.at("locks").at("contended");
}

TEST(Shapes, UsableBytesAreWhatMallocSays) {
  const Recording recording = Record({Sample("phases"), "500"}, {{"MODE", "full"}});
  void* block = std::malloc(80);
  const size_t usable = malloc_usable_size(block);
  std::free(block);
  const nlohmann::json sizes =
      InView(recording.dump(), {"--since", "mark:warm up", "--until", "mark:serve"})
          .at("heap")
          .at("sizes");
  ASSERT_EQ(sizes.size(), 1u) << sizes;
  EXPECT_EQ(sizes[0].at("up_to"), 128);
  EXPECT_EQ(ToEstimate(sizes[0].at("bytes")).value, 500 * 80);
  EXPECT_EQ(ToEstimate(sizes[0].at("usable_bytes")).value, 500.0 * static_cast<double>(usable));
}

TEST(Shapes, GroupsOfFunctionsAreWhatTheFunctionsCounted) {
  const Recording recording = Record({Sample("churn")}, {{"MODE", "full"}});
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const nlohmann::json report = InView(recording.dump(), {"--group", "function"});
  for (const FunctionTruth& function : truth.functions) {
    const std::vector<nlohmann::json> groups = SitesBelow(report, function.function);
    ASSERT_EQ(groups.size(), 1u) << function.function;
    EXPECT_EQ(groups[0].at("stack").size(), 1u);
    EXPECT_EQ(Sum(groups, "bytes").value, function.metrics.at("bytes")) << function.function;
    EXPECT_EQ(Sum(groups, "temporary").value, function.metrics.at("temporary"));
  }
}

const nlohmann::json* FindNode(const nlohmann::json& node, const std::string& function) {
  if (IsFunction(node.at("function"), function)) return &node;
  for (const nlohmann::json& child : node.at("children")) {
    if (const nlohmann::json* found = FindNode(child, function)) return found;
  }
  return nullptr;
}

TEST(Shapes, TreesHaveWhatTheFunctionsCounted) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}});
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  for (const char* kind : {"callers", "callees"}) {
    const nlohmann::json report = InView(recording.dump(), {"--tree", kind});
    const nlohmann::json& root = report.at("tree").at("root");
    EXPECT_EQ(root.at("bytes"), report.at("heap").at("bytes"));
    for (const FunctionTruth& function : truth.functions) {
      const nlohmann::json* node = FindNode(root, function.function);
      ASSERT_NE(node, nullptr) << function.function;
      EXPECT_EQ(node->at("bytes").at("value"), function.metrics.at("bytes"));
      EXPECT_EQ(node->at("leaked_bytes").at("value"), function.metrics.at("leaked_bytes"));
    }
  }
  const std::string text = TextInView(recording.dump(), {"--tree", "callees"});
  EXPECT_NE(text.find("CALLEES: "), std::string::npos) << text;
  EXPECT_NE(text.find("    LeakHere("), std::string::npos) << text;
}

TEST(Shapes, LinesOfAFunctionHaveItsCosts) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}});
  const FunctionTruth truth = TruthOf(ParseTruth(recording.process.out).front(), "LeakHere");
  const nlohmann::json report = InView(recording.dump(), {"--source", "LeakHere"});
  ASSERT_EQ(report.at("source").size(), 1u) << report.at("source");
  const nlohmann::json& source = report.at("source")[0];
  ASSERT_EQ(source.at("lines").size(), 1u) << source;
  EXPECT_EQ(source.at("lines")[0].at("bytes").at("value"), truth.metrics.at("bytes"));
  const std::string code = source.at("lines")[0].at("text");
  EXPECT_NE(code.find("malloc("), std::string::npos) << code;
  const std::string none = TextInView(recording.dump(), {"--source", "Nowhere"});
  EXPECT_NE(none.find("no stack that is shown has a function of that name"), std::string::npos);
}

TEST(Shapes, SourceThatIsNotThereIsSaid) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}});
  ProcessOptions elsewhere;
  elsewhere.cwd = "/";
  // A copy of the program, with no source in any directory above it.
  const TempDir away;
  const std::filesystem::path copy = away / "leak";
  std::filesystem::copy_file(Sample("leak"), copy);
  const Recording moved = Record({copy}, {{"MODE", "full"}});
  const ProcessResult result = RunProcess(
      {std::filesystem::absolute(Analyzer()), "report", "--source", "LeakHere", moved.dump()},
      elsewhere);
  EXPECT_NE(result.out.find("is not here, nor in any directory above the module"),
            std::string::npos)
      << result.Describe();
}

TEST(Shapes, StacksBeginWithThePlaceUnlessAllIsAskedFor) {
  const Recording recording = Record({Sample("vector_growth")}, {{"MODE", "full"}});
  const std::string text = TextInView(recording.dump(), {"--focus", "GrowVector"});
  const std::string all = TextInView(recording.dump(), {"--focus", "GrowVector", "--all-frames"});
  EXPECT_EQ(text.find("std::vector<"), std::string::npos) << text;
  EXPECT_NE(text.find("of the allocator, libc or std::)"), std::string::npos) << text;
  EXPECT_NE(all.find("std::vector<int, std::allocator<int> >::"), std::string::npos) << all;
  const std::string shortened = TextInView(
      recording.dump(), {"--focus", "GrowVector", "--all-frames", "--shorten-templates"});
  EXPECT_NE(shortened.find("std::vector<...>::"), std::string::npos) << shortened;
  EXPECT_EQ(shortened.find("std::allocator<int>"), std::string::npos) << shortened;
}

// 200 processes of one program, each with its code elsewhere.
TEST(Merge, ManyDumpsAddUpByTheNamesOfFunctions) {
  constexpr int kProcesses = 200;
  const TempDir dumps;
  std::map<std::string, std::string> environment =
      AgentEnvironment(dumps.path(), {{"MODE", "full"}});
  ProcessOptions options;
  options.env = environment;
  double leaked = 0, bytes = 0;
  for (int i = 0; i < kProcesses; ++i) {
    const ProcessResult process =
        RunProcess({Sample("leak"), std::to_string(1 + i % 7), "48"}, options);
    const ProcessTruth truth = ParseTruth(process.out).front();
    leaked += TruthOf(truth, "LeakHere").metrics.at("leaked_bytes");
    bytes += TruthOf(truth, "FreedHere").metrics.at("bytes");
  }
  ASSERT_EQ(DumpsIn(dumps.path()).size(), size_t{kProcesses});
  const nlohmann::json report = InView(dumps.path(), {"--merge"});
  EXPECT_EQ(report.at("processes").size(), size_t{kProcesses});
  const std::vector<nlohmann::json> leaks = SitesBelow(report, "LeakHere");
  ASSERT_EQ(leaks.size(), 1u) << "the same site in each process";
  EXPECT_EQ(Sum(leaks, "leaked_bytes").value, leaked);
  EXPECT_EQ(Sum(SitesBelow(report, "FreedHere"), "bytes").value, bytes);
  const std::string text = TextInView(dumps.path(), {"--merge"});
  EXPECT_EQ(text.find("200 dumps in one profile\n"), 0u) << text;
  EXPECT_NE(text.find("process      and 190 more\n"), std::string::npos) << text;
}

// ---- findings -------------------------------------------------------------------------------

std::vector<nlohmann::json> FindingsIn(const nlohmann::json& report, const std::string& kind) {
  std::vector<nlohmann::json> found;
  for (const nlohmann::json& finding : report.at("findings")) {
    if (finding.at("kind") == kind) found.push_back(finding);
  }
  return found;
}

TEST(FindingsInView, AreThoseOfTheWholeThatAccuseWhatIsInIt) {
  const Recording recording = Record({Sample("heap_findings"), "temporary"}, {{"MODE", "full"}});
  const std::vector<nlohmann::json> whole = FindingsIn(InView(recording.dump(), {}), "temporary");
  ASSERT_EQ(whole.size(), 1u);
  const std::string function = whole.front().at("where").at("function");
  EXPECT_EQ(FindingsIn(InView(recording.dump(), {"--focus", function}), "temporary"), whole);
  EXPECT_EQ(FindingsIn(InView(recording.dump(), {"--group", "module"}), "temporary"), whole);
  EXPECT_EQ(FindingsIn(InView(recording.dump(), {"--since", "1ns"}), "temporary"), whole);
  for (const std::vector<std::string>& elsewhere : std::vector<std::vector<std::string>>{
           {"--ignore", function}, {"--thread", "no such thread"}, {"--until", "1ns"}})
    EXPECT_EQ(InView(recording.dump(), elsewhere).at("findings"), nlohmann::json::array())
        << elsewhere.front();
  const std::string text = TextInView(recording.dump(), {"--focus", function});
  EXPECT_NE(text.find("\nFINDINGS of the whole recording, about what is in view\n  temporary: "),
            std::string::npos)
      << text;
}

TEST(FindingsInView, HiddenFramesAreNotShownInThem) {
  const Recording recording = Record({Sample("heap_findings"), "temporary"}, {{"MODE", "full"}});
  const std::vector<nlohmann::json> found =
      FindingsIn(InView(recording.dump(), {"--hide", "^main$"}), "temporary");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(CountFrames(found.front().at("where").at("stack"), "main"), 0u);
}

TEST(FindingsInView, OfLocksAreThoseThatWereWaitedForInIt) {
  const Recording recording = Record({Sample("lock_holders"), "one"}, {{"MODE", "full"}});
  const std::vector<nlohmann::json> whole = FindingsIn(InView(recording.dump(), {}), "hot_lock");
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(FindingsIn(InView(recording.dump(), {"--focus", "."}), "hot_lock"), whole);
  EXPECT_TRUE(
      FindingsIn(InView(recording.dump(), {"--focus", "NoSuchFunction"}), "hot_lock").empty());
}

// ---- findings of merged dumps ---------------------------------------------------------------

class MergedFindings : public testing::Test {
 protected:
  // Runs it in full mode; its dump is one of those to be merged.
  ProcessTruth Run(const std::vector<std::string>& argv) {
    ProcessOptions options;
    options.env = AgentEnvironment(dumps_.path(), {{"MODE", "full"}});
    const ProcessResult process = RunProcess(argv, options);
    EXPECT_TRUE(process.Succeeded()) << process.Describe();
    return ParseTruth(process.out).front();
  }
  nlohmann::json Merged(const std::vector<std::string>& more_options = {}) {
    std::vector<std::string> options = {"--merge"};
    options.insert(options.end(), more_options.begin(), more_options.end());
    return InView(dumps_.path(), options);
  }
  // Of that kind; throws unless there is exactly one.
  static nlohmann::json Only(const nlohmann::json& report, const std::string& kind) {
    const std::vector<nlohmann::json> found = FindingsIn(report, kind);
    if (found.size() != 1) throw std::runtime_error(report.at("findings").dump(1));
    return found.front();
  }

  const TempDir dumps_;
};

TEST_F(MergedFindings, OfProcessesOfOneProgramAreOneWithWhatAllOfThemGain) {
  double copied = 0;
  for (int i = 0; i < 3; ++i)
    copied += Run({Sample("heap_findings"), "large_realloc"}).Number("copied");
  const nlohmann::json report = Merged();
  const nlohmann::json finding = Only(report, "large_realloc");
  EXPECT_EQ(finding.at("processes"), 3);
  EXPECT_EQ(ToEstimate(finding.at("gains").at("copied_bytes")).value, copied);
  EXPECT_TRUE(ToEstimate(finding.at("gains").at("time_ns")).IsExact()) << finding.dump(1);
  EXPECT_TRUE(IsFunction(finding.at("where").at("function"), "GrowBuffer"));
  std::set<int> pids;
  for (const nlohmann::json& process : report.at("processes"))
    pids.insert(process.at("pid").get<int>());
  EXPECT_EQ(pids.count(finding.at("pid").get<int>()), 1u);
  const std::string text = TextInView(dumps_.path(), {"--merge"});
  EXPECT_NE(text.find("\nFINDINGS\n  large_realloc: "), std::string::npos) << text;
  EXPECT_NE(text.find("in all  3 of 3 processes; can be gained at most: "), std::string::npos);
  EXPECT_EQ(Only(Merged({"--focus", "GrowBuffer"}), "large_realloc"), finding);
  EXPECT_TRUE(Merged({"--ignore", "GrowBuffer"}).at("findings").empty());
}

TEST_F(MergedFindings, OfDifferentProgramsAreAllThere) {
  Run({Sample("heap_findings"), "growth_chain"});
  Run({Sample("lock_holders"), "one"});
  Run({Sample("heap_findings"), "fits"});
  const nlohmann::json report = Merged();
  EXPECT_EQ(Only(report, "growth_chain").at("processes"), 1);
  EXPECT_EQ(Only(report, "hot_lock").at("processes"), 1);
}

TEST_F(MergedFindings, OfProcessesInOrderThereAreNone) {
  for (int i = 0; i < 2; ++i) Run({Sample("heap_findings"), "fits"});
  EXPECT_EQ(Merged().at("findings"), nlohmann::json::array());
}

TEST_F(MergedFindings, LockOrdersOfProcessesAreOneCycle) {
  constexpr int kRuns = 2;
  for (int i = 0; i < kRuns; ++i) Run({Sample("lock_order"), "inversion"});
  int64_t seen = 0;
  for (const auto& dump : DumpsIn(dumps_.path())) {
    const nlohmann::json alone = Report(dump);
    const nlohmann::json& cycles = alone.at("locks").at("lock_order");
    ASSERT_EQ(cycles.size(), 1u);
    for (const nlohmann::json& order : cycles[0].at("cycle"))
      seen += order.at("count").get<int64_t>();
  }
  const nlohmann::json report = Merged();
  EXPECT_EQ(Only(report, "lock_order").at("processes"), kRuns);
  const nlohmann::json& cycles = report.at("locks").at("lock_order");
  ASSERT_EQ(cycles.size(), 1u);
  int64_t merged = 0;
  for (const nlohmann::json& order : cycles[0].at("cycle"))
    merged += order.at("count").get<int64_t>();
  EXPECT_EQ(merged, seen);
}

TEST(Events, OfAnAddressAreTheHistoryOfItsBlocks) {
  const Recording recording = Record({Sample("phases"), "20"}, {{"MODE", "full"}});
  // What the whole list says, read by the test.
  std::string address;
  size_t allocations = 0;
  ForEachEvent(recording.dump(), [&](const Event& event) {
    if (event.api != "malloc" || event.fields.at(1) != "80") return;
    if (address.empty()) address = event.fields.at(0);
    allocations += event.fields.at(0) == address;
  });
  const std::string inside = Hex(std::stoull(address, nullptr, 16) + 79);
  const std::string history =
      RunProcess({Analyzer(), "events", "--address", inside, recording.dump()}).out;
  size_t lines = 0, mallocs = 0;
  for (const std::string& line : Lines(history)) {
    ++lines;
    EXPECT_NE(line.find(" " + address + " "), std::string::npos) << line;
    mallocs += line.find(" malloc ") != std::string::npos;
  }
  EXPECT_EQ(mallocs, allocations);
  EXPECT_GE(allocations, 20u);
  EXPECT_EQ(lines, 2 * allocations) << "each is freed";
  const ProcessResult none =
      RunProcess({Analyzer(), "events", "--address", "0x1", recording.dump()});
  EXPECT_NE(none.err.find("no event is about 0x1"), std::string::npos) << none.err;
}

}  // namespace
}  // namespace perfagent::test
