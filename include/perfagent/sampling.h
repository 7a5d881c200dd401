// sampling.h: at which sampling intervals does a block stay tracked? The agent drops what does not, the
// analyzer stops counting it: both must decide alike, to the bit.
//
// A sampled block keeps a u drawn uniformly below the probability p with which it was sampled (below 1
// where every block is). At interval R it stays tracked iff u < p(size, R) = 1 - exp(-(size + 1) / R),
// which is to say iff R is at most (size + 1) / -ln(1 - u). That bound, and not u, is what is kept: as a
// place on a grid of intervals, eight to an octave, in kLimitBits bits.
//
//   grid        1 2 3 ... 15 16 18 20 22 24 26 28 30 32 36 ...     integers of four significant bits
//   limit code  0: below 1    1: [1, 1.125)    2: [1.125, 1.25)    ...
//
// Exact, not rounded: an interval on the grid is at most the bound iff its code is at most the bound's.
// An interval between two grid points thins to the one below: what was tracked before then counts with
// the probability of that grid point.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace perfagent::sampling {

inline constexpr unsigned kLimitBits = 10;
// Of blocks that are in no sample, where nothing was drawn: tracked only while every block is.
inline constexpr uint32_t kNoLimit = (1u << kLimitBits) - 1;

// The code of a bound in bytes: its power of two and three bits of what follows.
constexpr uint32_t LimitCode(double bytes) {
  if (!(bytes >= 1)) return 0;
  constexpr unsigned kDropped = 52 - 3;  // of a double's mantissa
  constexpr uint64_t kOne = std::bit_cast<uint64_t>(1.0) >> kDropped;
  const uint64_t steps = (std::bit_cast<uint64_t>(bytes) >> kDropped) - kOne;
  return static_cast<uint32_t>(std::min<uint64_t>(steps + 1, kNoLimit - 1));
}

// The greatest grid interval that is at most `interval_bytes`; 0, every block, is on the grid.
constexpr uint64_t GridFloor(uint64_t interval_bytes) {
  const int dropped = std::max(static_cast<int>(std::bit_width(interval_bytes)) - 4, 0);
  return interval_bytes >> dropped << dropped;
}

// Does a block with this limit stay tracked when the interval grows to `interval_bytes`?
constexpr bool StaysTracked(uint32_t limit, uint64_t interval_bytes) {
  if (interval_bytes == 0) return true;
  return limit != kNoLimit && limit >= LimitCode(static_cast<double>(GridFloor(interval_bytes)));
}

}  // namespace perfagent::sampling
