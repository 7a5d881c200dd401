// estimate.h: totals of what was sampled, with their error.
//
// Horvitz and Thompson (1952): when each item x of a population is seen with its own known
// probability p, independently, then the sum of x / p over what was seen is an unbiased estimate of
// the sum of x over all, and the sum of x^2 (1 - p) / p^2 one of its variance. Seen for certain
// (p = 1), an item adds itself and no variance: full mode needs no other arithmetic.
#pragma once

#include <cstdint>

namespace perfagent {

// A number with its 95 % interval (normal approximation). Exact when low == high == value.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;

  static Estimate Exact(double value) { return {value, value, value}; }
  bool IsExact() const { return low == high; }
};

// Of one seen item: 1 / p and (1 - p) / p^2.
struct Weight {
  double factor = 1;
  double spread = 0;

  // REQUIRES: 0 < p <= 1.
  static Weight OfProbability(double p);
  // Of an item whose amount exhausts a countdown drawn from an exponential distribution of mean
  // `interval`, p = 1 - exp(-amount / interval). Certain when interval is 0 (full mode).
  static Weight OfAmount(double amount, uint64_t interval);
  // Of a block of `size` bytes; size + 1 is what the agent's countdown is charged.
  static Weight OfBlock(uint64_t size, uint64_t interval_bytes);
  // Of one event that stands for a geometrically drawn run of mean `interval`, p = 1 / interval.
  static Weight OfEvery(uint64_t interval);
};

// A sum of weighted items, with its variance, and the plain sum of what was seen.
class Tally {
 public:
  void Add(double amount, Weight weight) {
    value_ += amount * weight.factor;
    variance_ += amount * amount * weight.spread;
    seen_ += amount;
  }
  void Remove(double amount, Weight weight) {
    value_ -= amount * weight.factor;
    variance_ -= amount * amount * weight.spread;
    seen_ -= amount;
  }
  // REQUIRES: the two tallies are of independent items.
  void Merge(const Tally& other) {
    value_ += other.value_;
    variance_ += other.variance_;
    seen_ += other.seen_;
  }

  double value() const { return value_; }
  double variance() const { return variance_; }
  double seen() const { return seen_; }
  // `low` is never below what was seen.
  Estimate Interval() const;

 private:
  double value_ = 0;
  double variance_ = 0;
  double seen_ = 0;
};

// Normal quantile of a two-sided 95 % interval.
inline constexpr double kZ95 = 1.959963984540054;

}  // namespace perfagent
