#include "analyzer/dump/liveness.h"

#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

bool IsThisHost(const HeaderPage& header) {
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0) return false;
  return strncmp(host, header.host, sizeof header.host - 1) == 0;
}

// Field 22 of /proc/PID/stat; 0 when there is no such process. The second field may hold anything,
// closing parentheses too.
uint64_t StartTicks(uint32_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
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
bool IsMapped(const DumpFile& file) {
  char* resolved = realpath(file.path().c_str(), nullptr);
  const std::string path = resolved == nullptr ? "" : resolved;
  free(resolved);
  std::ifstream maps(absl::StrCat("/proc/", file.header().pid, "/maps"));
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

}  // namespace

bool IsBeingWritten(const DumpFile& file) {
  const HeaderPage& header = file.header();
  return header.end_state == EndState::kOpen && IsThisHost(header) &&
         StartTicks(header.pid) == header.process_start_ticks && IsMapped(file);
}

uint64_t MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace perfagent
