// byte_stream.h: numbers and texts <-> bytes. Numbers are LEB128, differences zigzag.
//
// Threads: belongs to one encoder or decoder. No allocation, no system call; safe in signal handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace perfagent {

inline constexpr size_t kMaxVarint = 10;

constexpr uint64_t ZigZag(uint64_t difference) {
  return (difference << 1) ^ (0 - (difference >> 63));
}
constexpr uint64_t UnZigZag(uint64_t coded) { return (coded >> 1) ^ (0 - (coded & 1)); }

// REQUIRES: room for what is written; the caller checks.
class ByteWriter {
 public:
  explicit ByteWriter(uint8_t* out) : begin_(out), out_(out) {}

  size_t size() const { return static_cast<size_t>(out_ - begin_); }

 protected:
  void Byte(uint8_t value) { *out_++ = value; }
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      Byte(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    Byte(static_cast<uint8_t>(value));
  }
  void Difference(uint64_t value, uint64_t* last) {
    Varint(ZigZag(value - *last));
    *last = value;
  }
  void Text(std::string_view text) {
    Varint(text.size());
    memcpy(out_, text.data(), text.size());
    out_ += text.size();
  }

 private:
  uint8_t* begin_;
  uint8_t* out_;
};

// Every read is bounded; what cannot be read is 0, and the first failure is kept.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  // What was wrong; nullptr: nothing.
  const char* error() const { return error_; }
  // Bytes consumed.
  size_t end() const { return static_cast<size_t>(at_ - begin_); }

 protected:
  bool IsAtEnd() const { return at_ == end_; }
  // REQUIRES: !IsAtEnd().
  uint8_t Peek() const { return *at_; }
  void Fail(const char* error) {
    if (error_ == nullptr) error_ = error;
  }
  uint8_t Byte() {
    if (at_ != end_) [[likely]]
      return *at_++;
    Fail("record cut short");
    return 0;
  }
  uint64_t Varint() {
    if (at_ != end_ && *at_ < 0x80) [[likely]]
      return *at_++;
    return LongVarint();
  }
  uint64_t Difference(uint64_t* last) { return *last += UnZigZag(Varint()); }
  std::string_view Text() {
    const uint64_t size = Varint();
    if (size > static_cast<size_t>(end_ - at_)) {
      Fail("text longer than its segment");
      return {};
    }
    const std::string_view text(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return text;
  }

 private:
  uint64_t LongVarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) {
        Fail("record cut short");
        return 0;
      }
      const uint8_t byte = *at_++;
      value |= shift < 64 ? static_cast<uint64_t>(byte & 0x7f) << shift : 0;
      if (byte < 0x80) return value;
    }
    Fail("number longer than 64 bits");
    return 0;
  }

  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  const char* error_ = nullptr;
};

}  // namespace perfagent
