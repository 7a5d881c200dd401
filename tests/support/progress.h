// progress.h: how far the threads of a program under test have come, in a file that they share with the test
// (programs/progress.cc, programs/workers.cc).
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace perfagent::test {

struct Progress {
  uint64_t tid;
  uint64_t begun;
  uint64_t ended;
  uint64_t unused[5];
};

inline std::vector<Progress> ReadProgress(const std::filesystem::path& path) {
  const std::string bytes = std::filesystem::exists(path) ? ReadFile(path) : "";
  std::vector<Progress> progress(bytes.size() / sizeof(Progress));
  std::memcpy(progress.data(), bytes.data(), progress.size() * sizeof(Progress));
  return progress;
}

inline bool AllHaveBegun(const std::filesystem::path& path, size_t threads) {
  const std::vector<Progress> progress = ReadProgress(path);
  if (progress.size() != threads) return false;
  for (const Progress& thread : progress) {
    if (thread.ended == 0) return false;
  }
  return true;
}

// False: not within half a minute.
template <typename Condition>
bool WaitFor(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    usleep(200);
  }
  return true;
}

}  // namespace perfagent::test
