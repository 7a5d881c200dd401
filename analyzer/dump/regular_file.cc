#include "analyzer/dump/regular_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace perfagent {
namespace {

constexpr char kNotRegular[] = "not a regular file";

// Its files are calls into the kernel, whatever stat says.
bool IsKernelFileSystem(int fd) {
  struct statfs status;
  if (fstatfs(fd, &status) != 0) return true;
  switch (status.f_type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
      return true;
    default:
      return false;
  }
}

// What speaks against opening `handle` for reading; empty when nothing does.
std::string ProblemOf(int handle, struct stat* status) {
  if (fstat(handle, status) != 0) return strerror(errno);
  return S_ISREG(status->st_mode) && !IsKernelFileSystem(handle) ? "" : kNotRegular;
}

// The very file of `handle`, whatever has come to its path since.
int OpenHandle(int handle) {
  const std::string path = "/proc/self/fd/" + std::to_string(handle);
  return open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace

RegularFile OpenRegularFile(const std::string& path) {
  RegularFile file;
  const int handle = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (handle < 0) {
    file.problem = strerror(errno);
    return file;
  }
  struct stat status;
  file.problem = ProblemOf(handle, &status);
  if (file.problem.empty()) {
    file.fd = OpenHandle(handle);
    file.size_bytes = static_cast<uint64_t>(status.st_size);
    if (file.fd < 0) file.problem = strerror(errno);
  }
  close(handle);
  return file;
}

}  // namespace perfagent
