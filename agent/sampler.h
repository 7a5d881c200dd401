// sampler.h: when is the next sample? Exponential draws for Poisson sampling.
//
// Every byte (nanosecond, acquisition) is marked with probability 1/mean; the gap between marks is exponential. After a
// sample, or when the mean changes, a new gap is drawn; what the last allocation ran past its mark is discarded (the exponential
// has no memory). A call of size s is sampled with p = 1 - exp(-(s + 1) / mean). A mean of 0 samples every call (p = 1).
//
// Threads: state is in ThreadState. No libm: the guest may not have it, and the agent needs libc alone.
#pragma once

#include <bit>
#include <cstdint>

#include "agent/thread_state.h"
#include "perfagent/sampling.h"

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

// e^x for x <= 0, within 1e-12. x = k ln 2 + r with |r| <= ln 2 / 2; the series in r is cut after r^12.
inline double Exp(double x) {
  if (x < -700) return 0;
  constexpr double kLn2 = 0.69314718055994530942;
  const auto k = static_cast<int64_t>(x / kLn2 - 0.5);
  const double r = x - static_cast<double>(k) * kLn2;
  double series = 1;
  for (int i = 12; i >= 1; --i) series = 1 + series * r / i;
  return series * std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
}

// 53 random bits in (0, 1].
inline double NextUniform(uint64_t* random) {
  return static_cast<double>((NextRandom(random) >> 11) + 1) * 0x1p-53;
}

// An exponential gap with the given mean, rounded down: P(gap <= n) = 1 - exp(-(n + 1) / mean).
inline uint64_t DrawGap(uint64_t* random, uint64_t mean) {
  return static_cast<uint64_t>(-Log(NextUniform(random)) * static_cast<double>(mean));
}

// A countdown `left` of the same kind, drawn with the mean `drawn_with` (0: not yet), that is waited for in one piece: has it
// ended within a call that allocates `size` bytes? It then goes on.
inline bool EndsGap(uint64_t* random, uint64_t size, uint64_t mean, uint64_t* drawn_with,
                    uint64_t* left) {
  if (*drawn_with != mean) {
    *left = DrawGap(random, mean);
    *drawn_with = mean;
  }
  if (*left > size) {
    *left -= size + 1;
    return false;
  }
  *left = DrawGap(random, mean);
  return true;
}

// The limit code (sampling.h) of a block of `size` bytes that was sampled with `mean`: of (size + 1) / -ln(1 - u), u
// uniform below p.
inline uint32_t DrawLimit(uint64_t* random, uint64_t size, uint64_t mean) {
  const double amount = static_cast<double>(size) + 1;
  const double v = NextUniform(random);
  if (mean == 0) return sampling::LimitCode(amount / -Log(v));  // 1 - v is as uniform as v
  const double a = amount / static_cast<double>(mean);
  // Of a small p the logarithm would keep few digits, and is v p to within a millionth.
  constexpr double kSmall = 1e-6;
  const double exponent = a < kSmall ? v * a : -Log(1 - v * (1 - Exp(-a)));
  return sampling::LimitCode(amount / exponent);
}

// A longer gap is waited for in parts, so that a thread notices in time when another mean is asked for.
inline constexpr uint64_t kLongestWait = 16 << 20;

inline void StartCountdown(ThreadState* t, uint64_t gap) {
  t->gap_is_cut = gap >= kLongestWait;
  t->bytes_left = t->gap_is_cut ? kLongestWait : gap;
}
inline void DrawCountdown(ThreadState* t, uint64_t mean) {
  t->interval_bytes = mean;
  StartCountdown(t, mean == 0 ? 0 : DrawGap(&t->random, mean));
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
