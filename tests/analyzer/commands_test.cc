#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "analyzer/commands/events.h"
#include "analyzer/commands/info.h"
#include "analyzer/commands/report.h"
#include "analyzer/dump/liveness.h"
#include "analyzer/report/output.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"
#include "tests/support/process.h"

namespace perfagent::test {
namespace {

class CommandsTest : public testing::Test {
 protected:
  std::string WriteDump(const std::string& name) {
    DumpBuilder dump;
    dump.AddStream().Alloc(1, 0x1000, 64, 0);
    dump.WriteTo(dir_ / name);
    return dir_ / name;
  }
  std::string WriteDamagedDump(const std::string& name) {
    DumpBuilder dump;
    dump.AddStream().Alloc(1, 0x1000, 64, 0);
    std::vector<uint8_t> bytes = dump.Bytes();
    bytes.resize(bytes.size() - 1);
    WriteBytes(dir_ / name, bytes);
    return dir_ / name;
  }
  ExitCode Report(const std::vector<std::string>& inputs) {
    ReportOptions options;
    options.inputs = inputs;
    options.format = ReportFormat::kJson;
    options.output = dir_ / "report.json";
    testing::internal::CaptureStderr();
    const ExitCode code = RunReport(options);
    errors_ = testing::internal::GetCapturedStderr();
    return code;
  }
  nlohmann::json Result() { return nlohmann::json::parse(ReadFile(dir_ / "report.json")); }

  TempDir dir_;
  std::string errors_;
};

TEST_F(CommandsTest, SoundDumpsAreFine) {
  EXPECT_EQ(Report({WriteDump("a"), WriteDump("b")}), ExitCode::kFine);
  EXPECT_EQ(Result().at("processes").size(), 2u);
  EXPECT_EQ(Result().at("heap").at("bytes").at("value"), 128);
  EXPECT_EQ(errors_, "");
}

TEST_F(CommandsTest, DamagedDumpIsPartialAndTheReportSaysSo) {
  EXPECT_EQ(Report({WriteDamagedDump("a")}), ExitCode::kPartial);
  EXPECT_EQ(Result().at("loss").at("damaged_bytes"), 1);
  EXPECT_NE(errors_.find("damaged in 1 place, 1 bytes skipped"), std::string::npos) << errors_;
}

TEST_F(CommandsTest, MissingDumpBesideASoundOneIsPartial) {
  EXPECT_EQ(Report({WriteDump("a"), dir_ / "missing"}), ExitCode::kPartial);
  EXPECT_EQ(Result().at("unusable").size(), 1u);
  EXPECT_NE(errors_.find("missing: No such file"), std::string::npos) << errors_;
}

TEST_F(CommandsTest, NothingUsableIsFour) {
  WriteFile(dir_ / "text", "hello\n");
  EXPECT_EQ(Report({dir_ / "text"}), ExitCode::kUnusable);
  EXPECT_EQ(RunInfo({.inputs = {dir_ / "text"}}), ExitCode::kUnusable);
  EXPECT_EQ(RunEvents({.inputs = {dir_ / "text"}}), ExitCode::kUnusable);
}

TEST_F(CommandsTest, DirectoryStandsForItsDumpsAndCountsTheRest) {
  WriteDump("b.dump");
  WriteDump("a.dump");
  WriteFile(dir_ / "notes.txt", "hello\n");
  std::filesystem::create_directory(dir_ / "sub");
  EXPECT_EQ(Report({dir_.path()}), ExitCode::kFine);
  EXPECT_EQ(Result().at("processes").size(), 2u);
  EXPECT_EQ(Result().at("processes").at(0).at("dump"), std::string(dir_ / "a.dump"));
  EXPECT_NE(errors_.find("passed over 2 entries that are no dumps"), std::string::npos) << errors_;
}

TEST_F(CommandsTest, DirectoryWithoutDumpsIsUnusable) {
  EXPECT_EQ(Report({dir_.path()}), ExitCode::kUnusable);
  EXPECT_NE(errors_.find("no dump in this directory"), std::string::npos) << errors_;
}

TEST_F(CommandsTest, HtmlIsOneFileOfItsOwn) {
  const std::string page = dir_ / "page.html";
  EXPECT_EQ(RunReport({.inputs = {WriteDump("a")}, .format = ReportFormat::kHtml, .output = page}),
            ExitCode::kFine);
  EXPECT_TRUE(ReadFile(page).starts_with("<!doctype html>"));
}

TEST_F(CommandsTest, OutputNeverOverwritesADumpThatIsRead) {
  const std::string dump = WriteDump("a");
  const std::string before = ReadFile(dump);
  EXPECT_EQ(RunReport({.inputs = {dump}, .output = dump}), ExitCode::kUsage);
  EXPECT_EQ(ReadFile(dump), before);
}

TEST_F(CommandsTest, OutputThatCannotBeWrittenIsSaid) {
  const std::string dump = WriteDump("a");
  EXPECT_EQ(RunReport({.inputs = {dump}, .output = dir_ / "no/such/file"}), ExitCode::kUsage);
  EXPECT_EQ(RunReport({.inputs = {dump}, .output = "/dev/full"}), ExitCode::kInternal);
}

TEST_F(CommandsTest, ReaderThatHasGoneIsNoError) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  close(pipe_ends[0]);
  const sighandler_t before = signal(SIGPIPE, SIG_IGN);
  FileOutput output(pipe_ends[1]);
  output.Write("text");
  output.Flush();
  EXPECT_TRUE(output.closed());
  EXPECT_EQ(output.error(), 0);
  signal(SIGPIPE, before);
  close(pipe_ends[1]);
}

// A dump of this very process, mapped as the agent maps it.
TEST_F(CommandsTest, DumpThatALivingProcessMapsIsRunning) {
  DumpBuilder dump;
  dump.header().pid = static_cast<uint32_t>(getpid());
  dump.header().end_state = EndState::kOpen;
  dump.header().start_monotonic_ns = MonotonicNow();
  ASSERT_EQ(gethostname(dump.header().host, sizeof dump.header().host), 0);
  std::string stat = ReadFile("/proc/self/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  dump.header().process_start_ticks = std::stoull(field);
  dump.WriteTo(dir_ / "live.dump");

  ASSERT_EQ(Report({dir_ / "live.dump"}), ExitCode::kFine);
  EXPECT_EQ(Result().at("processes").at(0).at("ended"), "killed") << "nobody maps it";

  const int fd = open((dir_ / "live.dump").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  void* mapping = mmap(nullptr, kHeaderBytes, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  close(fd);
  EXPECT_EQ(Report({dir_ / "live.dump"}), ExitCode::kFine);
  EXPECT_EQ(Result().at("processes").at(0).at("ended"), "running");
  munmap(mapping, kHeaderBytes);

  dump.header().process_start_ticks += 1;
  dump.WriteTo(dir_ / "live.dump");
  EXPECT_EQ(Report({dir_ / "live.dump"}), ExitCode::kFine);
  EXPECT_EQ(Result().at("processes").at(0).at("ended"), "killed") << "another process of this pid";
}

}  // namespace
}  // namespace perfagent::test
