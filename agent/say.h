// say.h: what the agent tells whoever runs the program: one line on standard error.
//
// Only where standard error is still what it was at start: a program that was started without one may have opened a data
// file at its number. Never once the program is under a seccomp filter of its own.
//
// Threads: any. Signals: safe; needs little stack.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/text.h"

namespace perfagent {

// Notes what descriptor 2 is. Until then it is written to as it is.
void RememberStandardError();

// In one write, so that the lines of several processes do not mix.
void SayParts(const iovec* parts, size_t count);

// A text or a number, as it is written.
class SaidPart {
 public:
  SaidPart(std::string_view text) : text_(text) {}
  SaidPart(const char* text) : text_(text) {}
  SaidPart(uint64_t number) {
    digits_ << number;
    text_ = digits_.view();
  }
  SaidPart(const SaidPart&) = delete;

  iovec bytes() const { return {const_cast<char*>(text_.data()), text_.size()}; }

 private:
  std::string_view text_;
  Text<21> digits_;
};

template <typename... Parts>
void Say(const Parts&... parts) {
  const SaidPart said[] = {"perfagent: ", parts..., "\n"};
  iovec bytes[sizeof...(parts) + 2];
  for (size_t i = 0; i < sizeof...(parts) + 2; ++i) bytes[i] = said[i].bytes();
  SayParts(bytes, sizeof...(parts) + 2);
}

}  // namespace perfagent
