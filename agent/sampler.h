// sampler.h: when is the next sample? Exponential draws for Poisson sampling.
//
// Every byte (nanosecond, acquisition) is marked with probability 1/mean; the gap between marks is exponential. After a
// sample, or when the mean changes, a new gap is drawn; what the last allocation ran past its mark is discarded (the exponential
// has no memory). A call of size s is sampled with p = 1 - exp(-(s + 1) / mean).
//
// Threads: state is in ThreadState. No libm: the guest may not have it, and the agent needs libc alone.
#pragma once

#include <bit>
#include <cstdint>

#include "agent/thread_state.h"

namespace perfagent::sampler {

// xorshift64* (Vigna 2016): 64 bits of state, never zero.
inline uint64_t NextRandom(uint64_t* state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545F4914F6CDD1D;
}

// splitmix64's finalizer: neighbouring seeds give unrelated states.
inline uint64_t Scramble(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Natural logarithm of x > 0, within 1e-12. x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh((m-1)/(m+1)),
// whose series in z^2 <= 0.0295 is cut after z^17.
inline double Log(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const int64_t exponent = static_cast<int64_t>(bits - kSqrtHalf) >> 52;
  bits -= static_cast<uint64_t>(exponent) << 52;
  const double m = std::bit_cast<double>(bits);
  const double z = (m - 1) / (m + 1);
  const double z2 = z * z;
  double series = 0;
  for (int k = 17; k >= 1; k -= 2) series = series * z2 + 1.0 / k;
  return 2 * z * series + static_cast<double>(exponent) * 0.69314718055994530942;
}

// An exponential gap with the given mean, rounded down: P(gap <= n) = 1 - exp(-(n + 1) / mean).
inline uint64_t DrawGap(uint64_t* random, uint64_t mean) {
  // 53 random bits in (0, 1].
  const double u = static_cast<double>((NextRandom(random) >> 11) + 1) * 0x1p-53;
  return static_cast<uint64_t>(-Log(u) * static_cast<double>(mean));
}

// A longer gap is waited for in parts, so that a thread notices in time when another mean is asked for.
inline constexpr uint64_t kLongestWait = 16 << 20;

inline void StartCountdown(ThreadState* t, uint64_t gap) {
  t->gap_is_cut = gap >= kLongestWait;
  t->bytes_left = t->gap_is_cut ? kLongestWait : gap;
}
inline void DrawCountdown(ThreadState* t, uint64_t mean) {
  t->interval_bytes = mean;
  StartCountdown(t, DrawGap(&t->random, mean));
}

// The countdown ended within a call that allocates `size` bytes, and goes on with `next_mean`. True: the call is sampled,
// with the mean that t->interval_bytes had before. A cut decides nothing about the call: what follows the cut is decided by
// a fresh draw with the same mean, so that every call has one mean and p = 1 - exp(-(size + 1) / mean).
inline bool EndCountdown(ThreadState* t, uint64_t size, uint64_t next_mean) {
  bool sampled = true;
  if (t->gap_is_cut != 0) {
    const uint64_t last = size - t->bytes_left;  // of the call's bytes after the cut, from 0
    const uint64_t gap = DrawGap(&t->random, t->interval_bytes);
    sampled = gap <= last;
    if (!sampled && t->interval_bytes == next_mean) {
      StartCountdown(t, gap - last - 1);
      return false;
    }
  }
  DrawCountdown(t, next_mean);
  return sampled;
}

}  // namespace perfagent::sampler
