#include "agent/shared_mapping.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string_view>

#include "agent/sandbox.h"
#include "agent/stream.h"
#include "agent/sys.h"

namespace perfagent::shared_mapping {

namespace {

// A line of maps, read from its beginning:
//   7f1c2a400000-7f1c2a401000 rw-s 00001000 00:19 1234                       /dev/shm/pool
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  // Up to the next character that is no digit, which is passed over.
  uint64_t Number(unsigned base) {
    uint64_t number = 0;
    size_t at = 0;
    for (; at < rest_.size(); ++at) {
      const char c = rest_[at];
      const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                             : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                                                    : base;
      if (digit >= base) break;
      number = number * base + digit;
    }
    Skip(at + 1);
    return number;
  }
  std::string_view Word() {
    const std::string_view word = rest_.substr(0, rest_.find(' '));
    Skip(word.size() + 1);
    return word;
  }
  std::string_view Rest() {
    Skip(std::min(rest_.find_first_not_of(' '), rest_.size()));
    return rest_;
  }

 private:
  void Skip(size_t count) { rest_.remove_prefix(std::min(count, rest_.size())); }

  std::string_view rest_;
};

// One thread's descriptor of maps; -1: none. Cleared before it is closed: its number may be the guest's at once.
constinit std::atomic<int> open_maps = -1;

enum class Look { kElsewhere, kShared, kPrivate };

Look LookAt(std::string_view line, uint64_t address, Stream* stream, Place* out) {
  Fields fields(line);
  const uint64_t begin = fields.Number(16), end = fields.Number(16);
  if (address < begin || address >= end) return Look::kElsewhere;
  const std::string_view rights = fields.Word();
  if (rights.size() != 4 || rights[3] != 's') return Look::kPrivate;
  const uint64_t offset = fields.Number(16);
  const auto major_number = static_cast<unsigned>(fields.Number(16));
  const auto minor_number = static_cast<unsigned>(fields.Number(16));
  *out = {makedev(major_number, minor_number), fields.Number(10), offset + (address - begin)};
  stream->path.Clear();
  stream->path << fields.Rest();
  return Look::kShared;
}

// The kernel hands out whole lines, and none is longer than the buffer: a path has 4 KiB at most.
bool FindIn(int maps, uint64_t address, Stream* stream, Place* out) {
  char* buffer = reinterpret_cast<char*>(stream->pcs);
  size_t kept = 0;
  while (true) {
    const long got = sys::Read(maps, buffer + kept, sizeof stream->pcs - kept);
    if (got <= 0) return false;
    std::string_view text(buffer, kept + static_cast<size_t>(got));
    for (size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
      const Look look = LookAt(text.substr(0, end), address, stream, out);
      if (look != Look::kElsewhere) return look == Look::kShared;
    }
    kept = text.size();
    memmove(buffer, text.data(), kept);
  }
}

}  // namespace

void CloseInChild() {
  const int maps = open_maps.exchange(-1, std::memory_order_relaxed);
  if (maps >= 0) sys::Close(maps);
}

bool Find(uint64_t address, Stream* stream, Place* out) {
  if (sandbox::Entered()) return false;
  const int maps = sys::Open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return false;
  // Another thread's may be there, and then it stays.
  int none = -1;
  const bool is_known = open_maps.compare_exchange_strong(none, maps, std::memory_order_relaxed);
  const bool found = FindIn(maps, address, stream, out);
  if (is_known) open_maps.store(-1, std::memory_order_relaxed);
  sys::Close(maps);
  return found;
}

}  // namespace perfagent::shared_mapping
