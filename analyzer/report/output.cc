#include "analyzer/report/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace perfagent {

bool FileOutput::Drain(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // stdout shares a terminal that someone made non-blocking
      pollfd wait{fd_, POLLOUT, 0};
      poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      if (errno != EPIPE) error_ = errno;
      return false;
    }
  }
  return true;
}

}  // namespace perfagent
