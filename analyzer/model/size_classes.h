// size_classes.h: how much an allocator takes for a block: models of those whose classes are known.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace perfagent {

enum class SizeClasses : uint8_t { kUnknown, kGlibc, kJemalloc, kTcmalloc };

// Of the object whose malloc serves a program: "/lib/x86_64-linux-gnu/libc.so.6".
SizeClasses SizeClassesOf(std::string_view allocator_path);
// "glibc".
const char* Name(SizeClasses classes);
// Bytes of a block that are the allocator's own.
constexpr uint64_t HeaderBytes(SizeClasses classes) {
  return classes == SizeClasses::kGlibc ? 8 : 0;
}

namespace size_classes {

constexpr uint64_t RoundUp(uint64_t size, uint64_t unit) { return (size + unit - 1) & -unit; }

// A header of 8 bytes, multiples of 16, and 32 at least (malloc/malloc.c: request2size).
constexpr uint64_t Glibc(uint64_t size) {
  const uint64_t chunk = RoundUp(size + 8, 16);
  return chunk < 32 ? 32 : chunk;
}
// 8, multiples of 16 up to 128, then four classes to each power of two (jemalloc(3), "size classes").
constexpr uint64_t Jemalloc(uint64_t size) {
  if (size <= 8) return 8;
  if (size <= 128) return RoundUp(size, 16);
  return RoundUp(size, uint64_t{1} << (std::bit_width(size - 1) - 3));
}
// Multiples of 8 up to 16 and of 16 up to 128, then of an eighth of the power of two below, of a page of 8 KiB at most
// (common.cc: AlignmentForSize). Classes that would fit as many blocks in a span are one in truth: that is left out.
constexpr uint64_t Tcmalloc(uint64_t size) {
  if (size <= 8) return 8;
  if (size <= 128) return RoundUp(size, 16);
  const uint64_t eighth = uint64_t{1} << (std::bit_width(size) - 4);
  return RoundUp(size, eighth < 8192 ? eighth : 8192);
}

}  // namespace size_classes

// What is taken for a block of `size` bytes, its header included. Sizes that no allocator gives out wrap around.
constexpr uint64_t TakenBytes(SizeClasses classes, uint64_t size) {
  switch (classes) {
    case SizeClasses::kGlibc:
      return size_classes::Glibc(size);
    case SizeClasses::kJemalloc:
      return size_classes::Jemalloc(size);
    case SizeClasses::kTcmalloc:
      return size_classes::Tcmalloc(size);
    default:
      return size;
  }
}

}  // namespace perfagent
