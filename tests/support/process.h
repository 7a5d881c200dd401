// process.h: runs programs for tests: their output, how they ended, and their end when they hang.
//
// Every child leads a process group of its own, so that a timeout ends what it started too. The
// environment is the caller's without LD_PRELOAD and without PERFAGENT_*, and with
// ProcessOptions::env.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace perfagent::test {

struct ProcessOptions {
  std::map<std::string, std::string> env;
  std::string stdin_text;
  std::filesystem::path cwd;  // empty: the caller's
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
};

struct ProcessResult {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  bool timed_out = false;
  pid_t pid = 0;
  std::string out;
  std::string err;

  bool Succeeded() const { return exit_code == 0; }
  // How it ended and what it wrote to stderr, for messages.
  std::string Describe() const;
};

// Runs to the end. A program that cannot be started ends with exit code 127.
ProcessResult RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options = {});

// A program that runs while the test does something else. Its output goes to files.
class BackgroundProcess {
 public:
  BackgroundProcess(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  ~BackgroundProcess();  // kills the group when it still runs
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Waits for the end; on timeout kills the group.
  ProcessResult Wait(std::chrono::milliseconds timeout = std::chrono::seconds(60));

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

// A directory that is removed with all it holds.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, const std::string& text);
std::vector<std::string> Lines(const std::string& text);

// The program's full path, from PATH; empty when it is not installed.
std::string FindProgram(const std::string& name);

// In continuous integration nothing may be missing (CI=true).
bool InContinuousIntegration();

}  // namespace perfagent::test

// Ends the test, as skipped, when `present` is false; as failed under CI=true.
#define REQUIRE_INSTALLED(present, what, debian_package)                             \
  do {                                                                               \
    if (!(present)) {                                                                \
      if (::perfagent::test::InContinuousIntegration()) {                            \
        FAIL() << (what) << " is missing: apt-get install " << (debian_package);     \
      }                                                                              \
      GTEST_SKIP() << (what) << " is missing: apt-get install " << (debian_package); \
    }                                                                                \
  } while (false)

#define REQUIRE_PROGRAM(name, debian_package) \
  REQUIRE_INSTALLED(!::perfagent::test::FindProgram(name).empty(), name, debian_package)
