// What the agent's library needs and exports, and other allocators beside it.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <ostream>
#include <regex>
#include <set>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

TEST(Library, NeedsLibcAlone) {
  REQUIRE_PROGRAM("readelf", "binutils");
  const ProcessResult result = RunProcess({"readelf", "-d", AgentLibrary()});
  ASSERT_TRUE(result.Succeeded()) << result.Describe();
  std::set<std::string> needed;
  const std::regex line(R"(\(NEEDED\).*\[(.*)\])");
  for (std::sregex_iterator it(result.out.begin(), result.out.end(), line), end; it != end; ++it) {
    needed.insert((*it)[1]);
  }
  needed.erase("ld-linux-x86-64.so.2");
  EXPECT_EQ(needed, std::set<std::string>{"libc.so.6"});
}

// The names between `global:` and `local:` of the linker's script.
std::set<std::string> NamesInExportsMap() {
  std::string text = ReadFile("agent/exports.map");
  text = std::regex_replace(text, std::regex(R"(/\*[^]*?\*/|#[^\n]*)"), "");
  const size_t begin = text.find("global:") + 7;
  text = text.substr(begin, text.find("local:") - begin);
  std::set<std::string> names;
  const std::regex name(R"([^\s;]+)");
  for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end; ++it) {
    names.insert(it->str());
  }
  return names;
}

TEST(Library, ExportsExactlyWhatExportsMapNames) {
  REQUIRE_PROGRAM("nm", "binutils");
  const ProcessResult result = RunProcess({"nm", "-D", "--defined-only", AgentLibrary()});
  ASSERT_TRUE(result.Succeeded()) << result.Describe();
  std::set<std::string> exported;
  for (const std::string& line : Lines(result.out)) {
    const std::string symbol = line.substr(line.rfind(' ') + 1);
    exported.insert(symbol.substr(0, symbol.find('@')));
  }
  EXPECT_GT(exported.size(), 20u);
  EXPECT_EQ(exported, NamesInExportsMap());
}

// An unversioned definition is bound by references to any version of its name: old programs say others than new ones.
TEST(Library, ExportsHaveNoVersions) {
  REQUIRE_PROGRAM("nm", "binutils");
  const ProcessResult result =
      RunProcess({"nm", "-D", "--with-symbol-versions", "--defined-only", AgentLibrary()});
  ASSERT_TRUE(result.Succeeded()) << result.Describe();
  EXPECT_NE(result.out.find("pthread_mutex_trylock"), std::string::npos);
  EXPECT_EQ(result.out.find('@'), std::string::npos) << result.out;
}

// Every function of libc that the agent calls, with its version.
std::map<std::string, std::string> Imports() {
  std::map<std::string, std::string> imports;
  const ProcessResult result =
      RunProcess({"nm", "-D", "--with-symbol-versions", "--undefined-only", AgentLibrary()});
  EXPECT_TRUE(result.Succeeded()) << result.Describe();
  for (const std::string& line : Lines(result.out)) {
    const std::string symbol = line.substr(line.rfind(' ') + 1);
    const size_t at = symbol.find('@');
    imports[symbol.substr(0, at)] = at == std::string::npos ? "" : symbol.substr(at + 1);
  }
  EXPECT_GT(imports.size(), 10u);
  return imports;
}

// Each of these made another profiler hang, crash or recurse.
TEST(Library, CallsNothingThatAllocatesLocksOrIsNoticed) {
  REQUIRE_PROGRAM("nm", "binutils");
  const std::map<std::string, std::string> imports = Imports();
  for (const char* name : {"__tls_get_addr",
                           "__cxa_thread_atexit_impl",
                           "pthread_getattr_np",
                           "pthread_mutex_lock",
                           "pthread_create",
                           "pthread_once",
                           "printf",
                           "snprintf",
                           "vsnprintf",
                           "sscanf",
                           "__isoc99_sscanf",
                           "strtol",
                           "strdup",
                           "fopen",
                           "getenv",
                           "secure_getenv",
                           "backtrace",
                           "_Unwind_Backtrace",
                           "_Unwind_Find_FDE",
                           "dladdr",
                           "sigaction",
                           "signal",
                           "sigaltstack",
                           "pthread_sigmask",
                           "setitimer",
                           "timer_create",
                           "socket",
                           "connect",
                           "perf_event_open",
                           "ptrace",
                           "abort",
                           "__assert_fail",
                           "malloc",
                           "calloc",
                           "realloc",
                           "free",
                           "mprotect",
                           "__libc_malloc",
                           "__libc_free"}) {
    EXPECT_FALSE(imports.contains(name)) << name;
  }
}

// A version that libc does not have keeps the whole library from being loaded.
TEST(Library, NeedsNoLaterGlibcThanTheReadmeSays) {
  REQUIRE_PROGRAM("nm", "binutils");
  for (const auto& [name, version] : Imports()) {
    int major = 2, minor = 0;
    if (!version.empty()) {
      ASSERT_GE(std::sscanf(version.c_str(), "GLIBC_%d.%d", &major, &minor), 2) << version;
    }
    EXPECT_EQ(major, 2) << name;
    EXPECT_LE(minor, 35) << name;
  }
}

// One load relative to %fs: the general way is a call, which may allocate.
TEST(Library, ThreadLocalsAreInitialExec) {
  REQUIRE_PROGRAM("readelf", "binutils");
  const ProcessResult result = RunProcess({"readelf", "-rWd", AgentLibrary()});
  ASSERT_TRUE(result.Succeeded()) << result.Describe();
  EXPECT_NE(result.out.find("R_X86_64_TPOFF64"), std::string::npos);
  EXPECT_NE(result.out.find("STATIC_TLS"), std::string::npos);
  EXPECT_EQ(result.out.find("R_X86_64_DTPMOD64"), std::string::npos);
  EXPECT_EQ(result.out.find("R_X86_64_TLSDESC"), std::string::npos);
}

struct Allocator {
  const char* name;
  const char* library;  // empty: libc's own
  const char* debian_package;
};
void PrintTo(const Allocator& allocator, std::ostream* out) { *out << allocator.name; }

class OtherAllocator : public testing::TestWithParam<Allocator> {
 protected:
  std::map<std::string, std::string> Settings() const {
    std::map<std::string, std::string> settings = {{"MODE", "full"}};
    if (*GetParam().library != '\0') settings["LD_PRELOAD"] = GetParam().library;
    return settings;
  }
};

#define REQUIRE_ALLOCATOR()                                                                     \
  REQUIRE_INSTALLED(*GetParam().library == '\0' || std::filesystem::exists(GetParam().library), \
                    GetParam().library, GetParam().debian_package)

TEST_P(OtherAllocator, NewIsCountedOnce) {
  REQUIRE_ALLOCATOR();
  ExpectTruth(Record({TestProgram("new_once")}, Settings()));
}

TEST_P(OtherAllocator, MallocIsCountedOnce) {
  REQUIRE_ALLOCATOR();
  ExpectTruth(Record({TestProgram("plain_heap")}, Settings()));
}

TEST_P(OtherAllocator, VectorsAreCountedOnce) {
  REQUIRE_ALLOCATOR();
  ExpectTruth(Record({Sample("vector_growth")}, Settings()));
}

TEST_P(OtherAllocator, ManyThreadsAreCountedOnce) {
  REQUIRE_ALLOCATOR();
  ExpectTruth(Record({Sample("thread_storm"), "500"}, Settings()));
}

// The blocks come from the allocator that was asked for: it prints its statistics at exit.
TEST(OtherAllocatorIsUsed, JemallocServesTheProgram) {
  const char* library = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";
  REQUIRE_INSTALLED(std::filesystem::exists(library), library, "libjemalloc2");
  ProcessOptions options;
  options.env["MALLOC_CONF"] = "stats_print:true,stats_print_opts:gmdablxe";
  const Recording recording =
      Record({Sample("leak"), "5000", "100000"}, {{"LD_PRELOAD", library}}, options);
  const std::string statistics = recording.process.err;
  const size_t at = statistics.find("Allocated: ");
  ASSERT_NE(at, std::string::npos) << recording.process.Describe();
  EXPECT_GE(std::stod(statistics.substr(at + 11)), 5000.0 * 100000);
}

// Its unwinder takes the loader's lock inside malloc, in every thread.
TEST(OtherAllocatorIsUsed, JemallocsOwnProfilerRunsBesideTheAgent) {
  const char* library = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";
  REQUIRE_INSTALLED(std::filesystem::exists(library), library, "libjemalloc2");
  TempDir profiles;
  ProcessOptions options;
  options.env["MALLOC_CONF"] = "prof:true,lg_prof_sample:10,prof_final:true,prof_prefix:" +
                               std::string(profiles / "profile");
  ExpectTruth(Record({Sample("thread_storm"), "500"}, {{"MODE", "full"}, {"LD_PRELOAD", library}},
                     options));
  EXPECT_FALSE(std::filesystem::is_empty(profiles.path())) << "it did profile";
}

INSTANTIATE_TEST_SUITE_P(
    Allocators, OtherAllocator,
    testing::Values(
        Allocator{"glibc", "", ""},
        Allocator{"jemalloc", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "libjemalloc2"},
        Allocator{"tcmalloc", "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
                  "libtcmalloc-minimal4"},
        Allocator{"mimalloc", "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0", "libmimalloc2.0"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace perfagent::test
