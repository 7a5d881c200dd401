// The analyzer itself, as it is installed, on dumps and modules that were made to hurt it: it runs
// under a limit of memory that what it was given cannot justify exceeding.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/dump_builder.h"
#include "tests/support/process.h"
#include "tests/support/report.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;

class HostileDumpTest : public testing::Test {
 protected:
  HostileDumpTest() { dump_.header().file_bytes = uint64_t{1} << 40; }

  ProcessResult Analyze(const std::vector<std::string>& words, uint64_t memory_bytes) {
    std::vector<std::string> argv = {"bash", "-c", "ulimit -v \"$0\"; exec \"$@\"",
                                     std::to_string(memory_bytes / 1024), Analyzer()};
    argv.insert(argv.end(), words.begin(), words.end());
    ProcessOptions options;
    options.timeout = std::chrono::minutes(5);
    return RunProcess(argv, options);
  }
  // The commands are fine with `dump_`, and use no more than `factor` times its size.
  void ExpectProportionate(uint64_t factor, const std::vector<std::string>& commands = {
                                                "info", "report", "events"}) {
    const std::string path = dir_ / "hostile.dump";
    dump_.WriteTo(path);
    const uint64_t bytes = std::filesystem::file_size(path);
    const uint64_t allowed = factor * bytes + 64 * kMiB;  // the program and libraries
    for (const std::string& command : commands) {
      const ProcessResult result = Analyze({command, path}, allowed);
      EXPECT_EQ(result.exit_code, 0)
          << command << " of " << bytes << " bytes within " << allowed << ": " << result.Describe();
    }
  }

  TempDir dir_;
  DumpBuilder dump_;
  StreamBuilder& stream_ = dump_.AddStream();
};

TEST_F(HostileDumpTest, StacksOfOneByteFramesCostMemoryInProportion) {
  std::vector<uint64_t> pcs(kMaxFrames);
  for (uint64_t stack = 0; stack < 4000; ++stack) {
    for (uint64_t i = 0; i < pcs.size(); ++i) pcs[i] = (stack << 40) + i * 3;
    dump_.Stack(pcs);
  }
  ExpectProportionate(64);  // each frame is a stack of its own
}

TEST_F(HostileDumpTest, SitesWithOneEventEachCostMemoryInProportion) {
  for (uint64_t i = 0; i < 20'000; ++i) {
    const uint64_t stack = dump_.Stack({i * 2});
    for (uint64_t api = 0; api < 16; ++api) {
      stream_.Alloc(i, (i * 16 + api) * 32, 1, stack, static_cast<HeapApi>(api));
    }
  }
  ExpectProportionate(340);
}

TEST_F(HostileDumpTest, LocksWithOneWaitEachCostMemoryInProportion) {
  for (uint64_t i = 0; i < 300'000; ++i) {
    stream_.Put(LockWaitRecord{LockApi::kMutexLock, 0, i, 1, i * 40, 0});
  }
  ExpectProportionate(120);
}

TEST_F(HostileDumpTest, NamesAndIntervalsCostMemoryInProportion) {
  for (uint64_t i = 0; i < 300'000; ++i) {
    stream_.Thread(i, i, "");
    stream_.Put(MarkRecord{i, ""});
    stream_.Put(UnseenRecord{i, std::to_string(i)});
    stream_.Put(IntervalRecord{i, i + 1});
  }
  ExpectProportionate(40);
}

// Each overlaps all that follow it, and none is of the stacks' epoch. Looked at one by one, they
// would take longer than any test may.
TEST_F(HostileDumpTest, FramesInOverlappingModulesAreLookedUpWithinBounds) {
  constexpr uint64_t kModules = 400'000;
  constexpr uint64_t kEnd = uint64_t{1} << 50;
  for (uint64_t i = 0; i < kModules; ++i) dump_.Module(i, kEnd, "", 7);
  std::vector<uint64_t> pcs(kMaxFrames);
  for (uint64_t stack = 0; stack < 400; ++stack) {
    for (uint64_t i = 0; i < pcs.size(); ++i) pcs[i] = kModules + stack * 70'000 + i * 60;
    dump_.Stack(pcs);
  }
  ExpectProportionate(100, {"report"});
}

// A line table with a long directory and many files in it: libdw joins the two for each file, which
// makes a terabyte of a few megabytes.
constexpr char kLineTable[] = R"(
        .text
        .globl bomb
        .type bomb, @function
bomb:   ret
.Lend:  .size bomb, . - bomb
        .section .debug_abbrev
        .byte 1, 0x11, 0, 0x10, 0x17, 0x11, 0x01, 0x12, 0x01, 0, 0, 0
        .section .debug_info
        .long 2f - 1f
1:      .value 4
        .long .debug_abbrev
        .byte 8, 1
        .long .debug_line
        .quad bomb, .Lend
2:
        .section .debug_line
        .long 4f - 3f
3:      .value 4
        .long 6f - 5f
5:      .byte 1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1
        .rept 1000000
        .byte 'd'
        .endr
        .byte 0
        .byte 0
        .rept 1000000
        .byte 'f', 0, 1, 0, 0
        .endr
        .byte 0
6:      .byte 0, 9, 2
        .quad bomb
        .byte 1, 2, 1, 0, 1, 1
4:
)";

TEST_F(HostileDumpTest, DebugInformationThatAsksForAllMemoryCostsItsModuleItsNames) {
  REQUIRE_PROGRAM("gcc", "gcc");
  WriteFile(dir_ / "bomb.s", kLineTable);
  const ProcessResult built =
      RunProcess({"gcc", "-shared", "-nostdlib", dir_ / "bomb.s", "-o", dir_ / "libbomb.so"});
  ASSERT_TRUE(built.Succeeded()) << built.Describe();
  const ProcessResult sound =
      RunProcess({"gcc", "-g", "-shared", "-fPIC", "-nostdlib", "-Wl,-Ttext=0x1000", "-x", "c",
                  "-o", dir_ / "libsound.so", "-"},
                 [] {
                   ProcessOptions options;
                   options.stdin_text = "int sound(int x) { return x + 1; }\n";
                   return options;
                 }());
  ASSERT_TRUE(sound.Succeeded()) << sound.Describe();
  dump_.Module(0x400000, 0x410000, std::string(dir_ / "libbomb.so"));
  dump_.Module(0x500000, 0x510000, std::string(dir_ / "libsound.so"));
  for (uint64_t at = 0x401000; at < 0x402000; at += 16) {  // where linkers put the code
    stream_.Alloc(at, at, 64, dump_.Stack({at + 1, 0x501002}));
  }
  dump_.WriteTo(dir_ / "dump");
  const ProcessResult result = Analyze({"report", dir_ / "dump"}, 1024 * kMiB);
  EXPECT_EQ(result.exit_code, 0) << result.Describe();
  EXPECT_NE(result.out.find("libbomb.so: reading its symbols needs too much memory"),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("libbomb.so+0x"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("sound ("), std::string::npos) << result.out;
}

}  // namespace
}  // namespace perfagent::test
