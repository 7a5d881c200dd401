// real_programs.h: programs that nobody wrote for tests, with one thread and the same work to do in every run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace perfagent::test {

struct RealProgram {
  std::string name;
  std::string debian_package;
  std::vector<std::string> argv;
  ProcessOptions options;

  // Empty: it is not installed.
  std::string path() const { return FindProgram(argv.front()); }
};

RealProgram Sqlite3(size_t rows);
// The compiler proper, on a file that includes nothing.
RealProgram Cc1plus(const std::filesystem::path& dir, const std::string& optimization);
// All of its objects come from malloc.
RealProgram Python3(const std::filesystem::path& dir);
// The log of a repository that is made in `dir`.
RealProgram GitLog(const std::filesystem::path& dir);

}  // namespace perfagent::test
