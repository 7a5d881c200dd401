#include "analyzer/dump/liveness.h"

#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

// Field 22 of /proc/PID/stat; 0 when there is no such process. The second field may hold anything,
// closing parentheses too.
uint64_t StartTicks(const std::string& process) {
  std::ifstream file(process + "/stat");
  std::string stat;
  std::getline(file, stat, '\0');
  size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < 22; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return 0;
  }
  return strtoull(stat.c_str() + at, nullptr, 10);
}

// By device and inode, or by path: on file systems with several volumes (btrfs, overlayfs) stat
// and maps name different devices.
bool IsMapped(const DumpFile& file, const std::string& process) {
  char* resolved = realpath(file.path().c_str(), nullptr);
  const std::string path = resolved == nullptr ? "" : resolved;
  free(resolved);
  std::ifstream maps(process + "/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned device_major = 0;
    unsigned device_minor = 0;
    uint64_t inode = 0;
    int path_at = 0;
    if (sscanf(line.c_str(), "%*s %*s %*s %x:%x %" SCNu64 " %n", &device_major, &device_minor,
               &inode, &path_at) != 3) {
      continue;
    }
    if (inode == file.inode() && makedev(device_major, device_minor) == file.device()) return true;
    if (!path.empty() && line.compare(static_cast<size_t>(path_at), std::string::npos, path) == 0)
      return true;
  }
  return false;
}

// The process's number for itself, which in a container is another than here. 0 when there is no such process.
uint32_t OwnPid(const std::string& process) {
  std::ifstream status(process + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("NSpid:")) continue;
    return static_cast<uint32_t>(strtoul(line.c_str() + line.find_last_of(" \t"), nullptr, 10));
  }
  return 0;
}

bool IsWriter(const DumpFile& file, const std::string& process) {
  const HeaderPage& header = file.header();
  return StartTicks(process) == header.process_start_ticks && OwnPid(process) == header.pid &&
         IsMapped(file, process);
}

// Its directory in /proc; empty: there is none.
std::string WriterOf(const DumpFile& file) {
  if (file.header().end_state != EndState::kOpen) return "";
  // Most often it is the process of that number.
  if (std::string usual = absl::StrCat("/proc/", file.header().pid); IsWriter(file, usual))
    return usual;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos && IsWriter(file, entry.path()))
      return entry.path();
  }
  return "";
}

// The second field of /proc/PID/statm, which counts pages.
std::optional<uint64_t> ResidentBytes(const std::string& process) {
  std::ifstream statm(process + "/statm");
  uint64_t mapped = 0, resident = 0;
  if (!(statm >> mapped >> resident)) return std::nullopt;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

bool IsBeingWritten(const DumpFile& file) { return !WriterOf(file).empty(); }

std::optional<RunningProcess> LookAtWriter(const DumpFile& file) {
  const std::string process = WriterOf(file);
  if (process.empty()) return std::nullopt;
  RunningProcess running{.resident_bytes = ResidentBytes(process)};
  // By now the number may be another process's.
  if (StartTicks(process) != file.header().process_start_ticks) running.resident_bytes.reset();
  return running;
}

uint64_t MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace perfagent
