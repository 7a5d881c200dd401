// size_buckets.h: sizes by powers of two: bucket i has 2^(i - 1) < size <= 2^i, the first one also 0.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace perfagent {

inline constexpr size_t kSizeBuckets = 65;
constexpr size_t SizeBucketOf(uint64_t size) {
  return size == 0 ? 0 : static_cast<size_t>(std::bit_width(size - 1));
}
inline double GreatestSizeIn(size_t bucket) { return std::ldexp(1.0, static_cast<int>(bucket)); }

}  // namespace perfagent
