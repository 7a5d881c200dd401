// In full mode the figures are heaptrack's, number by number; where they differ the test names the
// function that made the difference.
#include <gtest/gtest.h>
#include <sys/personality.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/heaptrack.h"
#include "tests/support/real_programs.h"
#include "tests/support/report.h"

namespace perfagent::test {
namespace {

// What heaptrack's presence allocates and the bare program does not.
bool IsOfHeaptrackItself(const HeaptrackSite& site) {
  // sqlite3 is C; libstdc++ comes with heaptrack's library and makes its pool for exceptions.
  if (site.size == 72704 && site.IsBelow("_dl_init") && site.IsBelow("call_init")) return true;
  for (const std::string& module : site.modules) {
    if (module.ends_with("libheaptrack_preload.so")) return true;
  }
  return false;
}

// Heaptrack's definition, on addresses: freed while it is still the latest allocation and nothing
// was freed since. A realloc is a free and an allocation to it.
class TemporaryCounter {
 public:
  void Handle(const Event& event) {
    if (event.api.ends_with("free") || event.api.starts_with("operator delete")) {
      Free(event.fields.at(0));
    } else if (event.fields.at(0).starts_with("old=")) {
      const std::string new_block = event.fields.at(1).substr(4);
      Free(event.fields.at(0).substr(4));
      if (new_block != "0x0") Allocate(new_block);
    } else if (!event.api.starts_with("pthread_")) {
      Allocate(event.fields.at(0));
    }
  }
  uint64_t temporary() const { return temporary_; }

 private:
  void Allocate(const std::string& address) { last_ = address; }
  void Free(const std::string& address) {
    if (address == last_) ++temporary_;
    last_.clear();
  }

  std::string last_;
  uint64_t temporary_ = 0;
};

class AgainstHeaptrack : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_PROGRAM("heaptrack", "heaptrack");
    REQUIRE_PROGRAM("zstd", "zstd");
  }
};

TEST_F(AgainstHeaptrack, Sqlite3HasTheSameFigures) {
  REQUIRE_PROGRAM("sqlite3", "sqlite3");
  const RealProgram program = Sqlite3(200'000);
  const HeaptrackProfile heaptrack = RunHeaptrack(program.argv, program.options);
  const Recording recording = Record(program.argv, {{"MODE", "full"}}, program.options);
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const nlohmann::json report = Report(recording.dump());
  ASSERT_EQ(report.at("loss").at("total"), 0);

  std::vector<bool> ignored;
  size_t ignored_count = 0;
  for (const HeaptrackSite& site : heaptrack.sites) {
    ignored.push_back(IsOfHeaptrackItself(site));
    if (ignored.back()) ++ignored_count;
  }
  EXPECT_LE(ignored_count, 1u) << "only the pool of libstdc++";
  const HeaptrackProfile::Totals truth = heaptrack.Sum(ignored);
  ASSERT_GT(truth.allocations, 200'000u);

  const nlohmann::json& heap = report.at("heap");
  const auto value = [&](const char* metric) {
    return static_cast<uint64_t>(ToEstimate(heap.at(metric)).value);
  };
  EXPECT_EQ(value("allocations"), truth.allocations);
  EXPECT_EQ(value("bytes"), truth.bytes);
  EXPECT_EQ(value("peak_bytes"), truth.peak_bytes);

  // At exit heaptrack calls __libc_freeres, the agent never does; of what sqlite3 leaves, libc frees
  // nothing then. So what is left is the same, named or suppressed.
  uint64_t left_bytes = value("leaked_bytes");
  uint64_t left_blocks = value("leaked_blocks");
  for (const nlohmann::json& suppressed : heap.at("suppressed")) {
    left_bytes += static_cast<uint64_t>(ToEstimate(suppressed.at("bytes")).value);
    left_blocks += static_cast<uint64_t>(ToEstimate(suppressed.at("blocks")).value);
  }
  EXPECT_EQ(left_bytes, value("live_bytes"));
  EXPECT_EQ(left_blocks, value("live_blocks"));
  EXPECT_EQ(left_bytes, truth.leaked_bytes);
  EXPECT_EQ(left_blocks, truth.leaked_blocks);
  EXPECT_EQ(Sum({heap}, kEndedBlocks).value, static_cast<double>(truth.frees));

  TemporaryCounter temporary;
  ForEachEvent(recording.dump(), [&](const Event& event) { temporary.Handle(event); });
  EXPECT_EQ(temporary.temporary(), heaptrack.temporary);
}

// What every tool can say. A realloc is a free and an allocation to heaptrack and valgrind.
struct Totals {
  uint64_t allocations = 0;
  uint64_t frees = 0;
  uint64_t bytes = 0;

  bool operator==(const Totals&) const = default;
  Totals operator-(const Totals& other) const {
    return {allocations - other.allocations, frees - other.frees, bytes - other.bytes};
  }
};
std::ostream& operator<<(std::ostream& out, const Totals& totals) {
  return out << totals.allocations << " allocations, " << totals.frees << " frees, " << totals.bytes
             << " bytes";
}

// Compilers and others keep tables by address, whose growth depends on where things are.
class WithoutRandomAddresses {
 public:
  WithoutRandomAddresses() : before_(static_cast<unsigned>(personality(0xffffffff))) {
    personality(before_ | ADDR_NO_RANDOMIZE);
  }
  ~WithoutRandomAddresses() { personality(before_); }
  WithoutRandomAddresses(const WithoutRandomAddresses&) = delete;
  WithoutRandomAddresses& operator=(const WithoutRandomAddresses&) = delete;

 private:
  unsigned before_;
};

// A way to run a program that tells its totals.
class Tool {
 public:
  virtual ~Tool() = default;
  virtual ProcessResult Run(const std::vector<std::string>& argv,
                            const ProcessOptions& options) = 0;
  // REQUIRES: Run.
  virtual Totals Count() const = 0;
  // The function whose blocks are not in its totals.
  virtual std::string NotCounted() const { return ""; }
};

class FullMode : public Tool {
 public:
  ProcessResult Run(const std::vector<std::string>& argv, const ProcessOptions& options) override {
    recording_.emplace(Record(argv, {{"MODE", "full"}}, options));
    return recording_->process;
  }
  Totals Count() const override {
    const nlohmann::json report = Report(recording_->dump());
    EXPECT_EQ(report.at("loss").at("total"), 0);
    return TotalsOf({report.at("heap")});
  }
  Totals Below(const std::string& function) const {
    if (function.empty()) return {};
    return TotalsOf(SitesBelow(Report(recording_->dump()), function));
  }

 private:
  static Totals TotalsOf(const std::vector<nlohmann::json>& sites) {
    const auto sum = [&](const std::string& metric) {
      return static_cast<uint64_t>(Sum(sites, metric).value);
    };
    return {sum("allocations"), sum(kEndedBlocks), sum("bytes")};
  }

  std::optional<Recording> recording_;
};

// libc's table of exit functions is static for the first 32: heaptrack's own make it allocate earlier.
constexpr char kExitFunctions[] = "__new_exitfn";

class Heaptrack : public Tool {
 public:
  ProcessResult Run(const std::vector<std::string>& argv, const ProcessOptions& options) override {
    profile_ = RunHeaptrack(argv, options);
    return profile_.process;
  }
  std::string NotCounted() const override { return kExitFunctions; }
  Totals Count() const override {
    std::vector<bool> ignored;
    for (const HeaptrackSite& site : profile_.sites)
      ignored.push_back(IsOfHeaptrackItself(site) || site.IsBelow(kExitFunctions));
    const HeaptrackProfile::Totals totals = profile_.Sum(ignored);
    return {totals.allocations, totals.frees - PoolsFreed(), totals.bytes};
  }

 private:
  // A program that libstdc++ is part of has a pool for exceptions of its own, which only heaptrack's __gnu_cxx::__freeres
  // frees.
  uint64_t PoolsFreed() const {
    uint64_t freed = 0;
    for (const HeaptrackSite& site : profile_.sites) {
      const bool is_pool = site.size == 72704 && site.IsBelow("call_init");
      if (is_pool && !IsOfHeaptrackItself(site)) freed += static_cast<uint64_t>(site.frees);
    }
    return freed;
  }

  HeaptrackProfile profile_;
};

class Valgrind : public Tool {
 public:
  ProcessResult Run(const std::vector<std::string>& argv, const ProcessOptions& options) override {
    std::vector<std::string> command = {"valgrind", "--run-libc-freeres=no", "--run-cxx-freeres=no",
                                        "--undef-value-errors=no", "--leak-check=no"};
    command.insert(command.end(), argv.begin(), argv.end());
    const ProcessResult process = RunProcess(command, options);
    said_ = process.err;
    return process;
  }
  // "total heap usage: 2,719 allocs, 2,703 frees, 477,025 bytes allocated"
  Totals Count() const override {
    std::string text = said_.substr(std::min(said_.size(), said_.find("total heap usage:")));
    std::erase(text, ',');
    Totals totals;
    EXPECT_EQ(std::sscanf(text.c_str(), "total heap usage: %lu allocs %lu frees %lu bytes",
                          &totals.allocations, &totals.frees, &totals.bytes),
              3)
        << said_;
    return totals;
  }

 private:
  std::string said_;
};

// What a program copies of its environment it copies of the tools' variables, too: setenv the array, Python every text. So
// each tool's run is given variables until all have as many, with as many characters.
struct Environment {
  size_t variables = 0;
  size_t characters = 0;
};

Environment EnvironmentUnder(Tool* tool, const ProcessOptions& options) {
  Environment environment;
  for (const std::string& line : Lines(tool->Run({"/usr/bin/env"}, options).out)) {
    if (line.find('=') == std::string::npos) continue;
    ++environment.variables;
    environment.characters += line.size();
  }
  return environment;
}

ProcessOptions Filled(ProcessOptions options, const Environment& own, const Environment& wanted) {
  // Python has one object for each text that is shorter.
  constexpr size_t kLeast = 2;
  size_t characters = wanted.characters - own.characters;
  for (size_t i = own.variables; i < wanted.variables; ++i) {
    const std::string name = "FILL" + std::to_string(100 + i);
    const size_t size = i + 1 < wanted.variables ? kLeast : characters - name.size() - 1;
    options.env[name] = std::string(size, 'x');
    characters -= name.size() + 1 + size;
  }
  return options;
}

class TotalsOfRealPrograms : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_PROGRAM("heaptrack", "heaptrack");
    REQUIRE_PROGRAM("zstd", "zstd");
    REQUIRE_PROGRAM("valgrind", "valgrind");
  }

  // `by_address`: the bytes of blocks of which there may be one or two more or fewer, and which are never freed.
  void ExpectTheSame(const RealProgram& program, const std::vector<Tool*>& others,
                     uint64_t by_address = 0) {
    REQUIRE_INSTALLED(!program.path().empty(), program.name, program.debian_package);
    FullMode full, full_again;
    std::vector<Tool*> tools = {&full, &full_again};
    tools.insert(tools.end(), others.begin(), others.end());
    RunInLikeEnvironments(program, tools);

    const Totals truth = full.Count();
    std::cout << program.name << ": " << truth << "\n";
    EXPECT_GT(truth.allocations, 1000u);
    EXPECT_EQ(full_again.Count(), truth);
    for (Tool* other : others) {
      const Totals expected = truth - full.Below(other->NotCounted());
      EXPECT_EQ(Moved(other->Count(), expected, by_address), expected);
    }
  }

  Heaptrack heaptrack_;
  Valgrind valgrind_;
  TempDir dir_;

 private:
  // With as many allocations as `expected`, where the difference is one of blocks of `by_address` bytes.
  static Totals Moved(Totals totals, const Totals& expected, uint64_t by_address) {
    const auto missing = static_cast<int64_t>(expected.allocations - totals.allocations);
    if (by_address == 0 || std::abs(missing) > 2) return totals;
    totals.allocations = expected.allocations;
    totals.bytes += static_cast<uint64_t>(missing) * by_address;
    return totals;
  }

  static void RunInLikeEnvironments(const RealProgram& program, const std::vector<Tool*>& tools) {
    std::vector<Environment> own;
    Environment wanted;
    for (Tool* tool : tools) {
      own.push_back(EnvironmentUnder(tool, program.options));
      wanted.variables = std::max(wanted.variables, own.back().variables + 1);
      wanted.characters = std::max(wanted.characters, own.back().characters + 200);
    }
    for (size_t i = 0; i < tools.size(); ++i) {
      const ProcessResult process =
          tools[i]->Run(program.argv, Filled(program.options, own[i], wanted));
      ASSERT_TRUE(process.Succeeded()) << process.Describe();
    }
  }

  const WithoutRandomAddresses without_random_addresses_;
};

TEST_F(TotalsOfRealPrograms, Sqlite3) { ExpectTheSame(Sqlite3(1000), {&heaptrack_, &valgrind_}); }
TEST_F(TotalsOfRealPrograms, GitLog) {
  ExpectTheSame(GitLog(dir_.path()), {&heaptrack_, &valgrind_});
}

TEST_F(TotalsOfRealPrograms, Cc1plus) {
  // The compiler's collector (ggc_internal_alloc) has a table for each 4 GiB of addresses in which pages of its own lie.
  constexpr uint64_t kTableOfPages = 32768;
  ExpectTheSame(Cc1plus(dir_.path(), "-O0"), {&heaptrack_, &valgrind_}, kTableOfPages);
}

// Not by valgrind, under which the interpreter itself does something else: as many blocks, with 136 bytes less in all.
TEST_F(TotalsOfRealPrograms, Python3) { ExpectTheSame(Python3(dir_.path()), {&heaptrack_}); }

}  // namespace
}  // namespace perfagent::test
