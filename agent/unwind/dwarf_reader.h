// dwarf_reader.h: numbers and pointers of .eh_frame, read from the mapping they lie in.
//
// Threads, signals: safe anywhere.
#pragma once

#include <cstdint>
#include <cstring>

namespace perfagent::dwarf {

// DWARF pointer encodings (LSB Core 5.0, 10.5.1): the low four bits say how it is stored, the next three what it is
// relative to.
inline constexpr uint8_t kOmit = 0xff;
inline constexpr uint8_t kFormatMask = 0x0f;
inline constexpr uint8_t kAbsolute = 0x00, kUleb128 = 0x01, kUdata2 = 0x02, kUdata4 = 0x03,
                         kUdata8 = 0x04;
inline constexpr uint8_t kSleb128 = 0x09, kSdata2 = 0x0a, kSdata4 = 0x0b, kSdata8 = 0x0c;
inline constexpr uint8_t kRelativeMask = 0x70;
inline constexpr uint8_t kPcRelative = 0x10, kDataRelative = 0x30;

// Reads forward through mapped memory, never past `end`; after a bad read ok() is false and reads give 0.
class Reader {
 public:
  Reader(uint64_t at, uint64_t end) : at_(at), end_(end) {}

  bool ok() const { return ok_; }
  uint64_t at() const { return at_; }
  void Skip(uint64_t count) { Take(count); }

  template <typename T>
  T Get() {
    T value{};
    const uint64_t from = at_;
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): Take keeps `from` inside the mapping
    if (Take(sizeof value)) memcpy(&value, reinterpret_cast<const void*>(from), sizeof value);
    return value;
  }
  uint64_t Uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; ok_; shift += 7) {
      const uint8_t byte = Get<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }
  int64_t Sleb() {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    while (ok_ && byte >= 0x80) {
      byte = Get<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
    }
    if (shift < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }
  // An encoded pointer; `data` is what data-relative ones count from.
  uint64_t Pointer(uint8_t encoding, uint64_t data) {
    const uint64_t here = at_;
    const uint64_t value = Stored(encoding);
    switch (encoding & kRelativeMask) {
      case 0:
        return value;
      case kPcRelative:
        return here + value;
      case kDataRelative:
        return data + value;
      default:
        ok_ = false;
        return 0;
    }
  }

 private:
  bool Take(uint64_t count) {
    if (!ok_ || count > end_ - at_) {
      ok_ = false;
      return false;
    }
    at_ += count;
    return true;
  }
  uint64_t Stored(uint8_t encoding) {
    switch (encoding & kFormatMask) {
      case kAbsolute:
      case kUdata8:
      case kSdata8:
        return Get<uint64_t>();
      case kUdata2:
        return Get<uint16_t>();
      case kUdata4:
        return Get<uint32_t>();
      case kSdata2:
        return static_cast<uint64_t>(static_cast<int64_t>(Get<int16_t>()));
      case kSdata4:
        return static_cast<uint64_t>(static_cast<int64_t>(Get<int32_t>()));
      case kUleb128:
        return Uleb();
      case kSleb128:
        return static_cast<uint64_t>(Sleb());
      default:
        ok_ = false;
        return 0;
    }
  }

  uint64_t at_;
  uint64_t end_;
  bool ok_ = true;
};

}  // namespace perfagent::dwarf
