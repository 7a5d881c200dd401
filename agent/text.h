// text.h: text built in a fixed buffer, without allocation and without stdio. What does not fit is cut.
//
// Threads: a Text belongs to one thread. Signals: safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace perfagent {

template <size_t kCapacity>
class Text {
 public:
  Text& operator<<(std::string_view text) {
    const size_t count = text.size() < kCapacity - 1 - size_ ? text.size() : kCapacity - 1 - size_;
    memcpy(bytes_ + size_, text.data(), count);
    size_ += count;
    bytes_[size_] = 0;
    return *this;
  }
  Text& operator<<(uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return *this << std::string_view(digits + at, sizeof digits - at);
  }

  void Clear() {
    size_ = 0;
    bytes_[0] = 0;
  }

  const char* c_str() const { return bytes_; }
  std::string_view view() const { return {bytes_, size_}; }
  size_t size() const { return size_; }

 private:
  char bytes_[kCapacity] = {};
  size_t size_ = 0;
};

// The longest path that Linux takes.
using PathText = Text<4096>;

}  // namespace perfagent
