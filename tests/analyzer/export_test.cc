// What is exported, held against the profile it is made from. That other tools read it the same way, tests/scripts says.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <sstream>

#include "analyzer/export/export_format.h"
#include "analyzer/export/stack_costs.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

// What a reader of a heaptrack file counts, by heaptrack's own rules.
struct HeaptrackTotals {
  uint64_t allocations = 0;
  uint64_t bytes = 0;
  uint64_t temporary = 0;
  int64_t peak = 0;
  int64_t live = 0;
};

HeaptrackTotals CountHeaptrack(const std::string& text) {
  HeaptrackTotals totals;
  std::vector<uint64_t> sizes;
  uint64_t last = 0, allocated = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line.substr(1));
    uint64_t number = 0;
    fields >> std::hex >> number;
    if (line[0] == 'a') {
      sizes.push_back(number);
    } else if (line[0] == '+') {
      const uint64_t size = sizes.at(number);
      // heaptrack_gui's table of sizes has room for the next one alone.
      EXPECT_LE(number, allocated);
      allocated = std::max(allocated, number + 1);
      ++totals.allocations;
      totals.bytes += size;
      totals.live += static_cast<int64_t>(size);
      totals.peak = std::max(totals.peak, totals.live);
      last = number;
    } else if (line[0] == '-') {
      totals.temporary += last == number;
      totals.live -= static_cast<int64_t>(sizes.at(number));
      last = 0;
    }
  }
  return totals;
}

void ExpectTheSame(const HeaptrackTotals& totals, const HeapMetrics& truth) {
  EXPECT_EQ(totals.allocations, truth.allocations.value());
  EXPECT_EQ(totals.bytes, truth.bytes.value());
  EXPECT_EQ(totals.temporary, truth.temporary.value());
  EXPECT_EQ(totals.peak, truth.peak_bytes.value());
  EXPECT_EQ(totals.live, truth.leaked_bytes.value());
}

TEST(RoundKeepingTotal, TotalIsTheRoundedTotalAndNothingMovesByOne) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> value(0, 3);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> values(random() % 50);
    for (double& v : values) v = random() % 3 == 0 ? std::floor(value(random)) : value(random);
    const std::vector<uint64_t> rounded = RoundKeepingTotal(values);
    const double total = std::accumulate(values.begin(), values.end(), 0.0);
    EXPECT_EQ(std::accumulate(rounded.begin(), rounded.end(), uint64_t{0}), std::round(total));
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_LT(std::fabs(static_cast<double>(rounded[i]) - values[i]), 1);
  }
}

TEST(HeaptrackExport, TemporaryIsWhatTheThreadSaysAndNotWhatLiesBetween) {
  DumpBuilder dump;
  StreamBuilder& one = dump.AddStream();
  StreamBuilder& two = dump.AddStream();
  one.Thread(0, 1, "one");
  two.Thread(0, 2, "two");
  const uint64_t a = dump.Stack({0x1001}), b = dump.Stack({0x2001});
  one.Alloc(10, 0x1000, 64, a);
  two.Alloc(20, 0x2000, 32, b);
  two.Free(30, 0x2000);  // temporary
  one.Free(40, 0x1000);  // temporary, too: nothing else of its own thread came between
  one.Alloc(50, 0x1000, 64, a);
  one.Alloc(60, 0x3000, 64, a);
  one.Free(70, 0x1000);  // not temporary, though of the same size and stack as the last one
  one.Alloc(80, 0x4000, 16, b);
  one.Realloc(90, 0x4000, 0x5000, 32, b);  // no free, and so not temporary
  one.Free(100, 0x5000);
  Profile profile = ProfileOf(dump);
  EXPECT_EQ(profile.heap.total.temporary.value(), 3);
  ExpectTheSame(CountHeaptrack(ExportOf(&profile, "heaptrack")), profile.heap.total);
}

TEST(HeaptrackExport, RandomProgramsHaveTheSameFigures) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    // With one thread nothing is approximate; with more, blocks of others at the very peak may be.
    const size_t threads = 1 + seed % 3;
    DumpBuilder dump;
    std::vector<StreamBuilder*> streams;
    for (size_t i = 0; i < threads; ++i) {
      streams.push_back(&dump.AddStream());
      streams.back()->Thread(0, 100 + i, "worker");
    }
    const uint64_t stacks[] = {dump.Stack({0x1001, 0x9001}), dump.Stack({0x2001, 0x9001})};
    std::vector<uint64_t> live;
    uint64_t next = 0x10000;
    for (uint64_t time = 10; time < 20000; time += 10) {
      StreamBuilder& stream = *streams[random() % threads];
      const bool ends = !live.empty() && random() % 100 < 55;
      if (!ends) {
        live.push_back(next += 0x1000);
        stream.Alloc(time, next, 16 << random() % 3, stacks[random() % 2]);
        continue;
      }
      // Mostly the last one: many are temporary.
      const size_t which = random() % 3 == 0 ? random() % live.size() : live.size() - 1;
      if (random() % 10 == 0) {
        stream.Realloc(time, live[which], next + 0x1000, 48, stacks[0]);
        live[which] = next += 0x1000;
      } else {
        stream.Free(time, live[which]);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    Profile profile = ProfileOf(dump);
    const HeaptrackTotals totals = CountHeaptrack(ExportOf(&profile, "heaptrack"));
    EXPECT_GT(totals.temporary, 50u);
    HeapMetrics truth = profile.heap.total;
    if (threads > 1) {
      EXPECT_NEAR(totals.temporary, truth.temporary.value(), threads);
      truth.temporary = {};
      truth.temporary.AddCertain(static_cast<double>(totals.temporary));
    }
    ExpectTheSame(totals, truth);
  }
}

TEST(Exports, EachIsWrittenOfADumpWithEverything) {
  Profile profile = ProfileOf(DumpWithEverything());
  for (const ExportFormat& format : ExportFormats()) {
    const std::string text = ExportOf(&profile, format.name);
    EXPECT_FALSE(text.empty()) << format.name;
    const std::string name = format.name;
    if (name == "dhat" || name == "speedscope" || name == "chrome") {
      EXPECT_TRUE(nlohmann::json::accept(text)) << name;
    }
  }
}

TEST(Exports, NoDumpMakesThemFail) {
  const std::vector<uint8_t> sound = DumpWithEverything();
  for (size_t i = kHeaderBytes; i < sound.size(); i += 97) {
    std::vector<uint8_t> dump = sound;
    if (dump[i] == 0) continue;  // mostly where there is nothing
    dump[i] ^= 0x55;
    if (!ErrorOf(dump).empty()) continue;
    Profile profile = ProfileOf(dump);
    for (const ExportFormat& format : ExportFormats()) ExportOf(&profile, format.name);
  }
}

TEST(Exports, FoldedNamesHaveNoSeparatorsInThem) {
  DumpBuilder dump;
  StreamBuilder& main = dump.AddStream();
  main.Thread(0, 1, "main");
  dump.Module(0x1000, 0x2000, "/opt/a;b\nc");
  main.Alloc(10, 0x5000, 64, dump.Stack({0x1100, 0x1200}));
  Profile profile = ProfileOf(dump);
  const std::string text = ExportOf(&profile, "folded");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), ';'), 1) << text;
}

// As callgrind_annotate adds up: what a function costs itself, and what its calls cost.
std::map<std::string, uint64_t> CallgrindInclusive(const std::string& text) {
  std::map<std::string, std::string> names;  // by number in brackets
  const auto name_of = [&](const std::string& field) {
    const size_t end = field.find(')');
    const std::string number = field.substr(0, end + 1);
    if (end + 2 < field.size()) names[number] = field.substr(end + 2);
    return names[number];
  };
  std::map<std::string, uint64_t> inclusive;
  std::string function;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("fn=")) function = name_of(line.substr(3));
    if (line.starts_with("cfn=")) name_of(line.substr(4));
    if (line.empty() || isdigit(static_cast<unsigned char>(line[0])) == 0) continue;
    uint64_t position = 0, bytes = 0;
    std::istringstream(line) >> position >> bytes;
    inclusive[function] += bytes;
  }
  return inclusive;
}

TEST(CallgrindExport, AFunctionThatCallsItselfCostsItsStackOnce) {
  DumpBuilder dump;
  dump.Module(0x1000, 0x9000, "/nonexistent/app");
  dump.AddStream().Alloc(1, 0x10, 64, dump.Stack({0x1100, 0x1200, 0x1300, 0x1400}));
  Profile profile = ProfileOf(dump);
  profile.dump.process.SetNames({{0x1100, {{.function = "leaf"}}},
                                 {0x1200, {{.function = "round", .line = 2}}},
                                 {0x1300, {{.function = "round", .line = 1}}},
                                 {0x1400, {{.function = "main"}}}});
  const auto inclusive = CallgrindInclusive(ExportOf(&profile, "callgrind"));
  EXPECT_EQ(inclusive,
            (std::map<std::string, uint64_t>{{"leaf", 64}, {"main", 64}, {"round", 64}}));
}

}  // namespace
}  // namespace perfagent::test
