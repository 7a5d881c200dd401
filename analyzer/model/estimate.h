// estimate.h: totals of what was sampled, with their error.
//
// Horvitz and Thompson (1952): when each item x of a population is seen with its own known
// probability p, independently, then the sum of x / p over what was seen is an unbiased estimate of
// the sum of x over all, and the sum of x^2 (1 - p) / p^2 one of its variance. Seen for certain
// (p = 1), an item adds itself and no variance: full mode needs no other arithmetic.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "analyzer/model/on_demand.h"

namespace perfagent {

// The interval is that of Fay and Feuer (1997) for weighted sums of Poisson counts: a gamma
// distribution with the estimate's mean and variance below, and, above, with those that one more
// item of the heaviest kind would give. Of many samples it is the normal interval; of a few it
// holds the truth where the normal one (value +- 1.96 sqrt(variance)) is far too narrow: with four
// expected samples 97 % against 91 % of the time.
//
// Their heaviest kind is known beforehand; here it is the heaviest that was seen, and the rarely
// seen items are the heavy ones. Where weights vary much and few were seen, the one more item is
// therefore taken to be heavier (HeavierThanSeen): the number of 3,000 blocks of 32 to 8,191 bytes,
// from 15 samples by bytes, is then in the interval 95 % of the time and not 82 %; where weights
// are equal (bytes of small blocks, sites of one size) nothing changes.
//
// What was seen for certain (before a recording began to sample) is no part of that: it shifts the interval of the rest.
//
// A sum of which nothing was seen is not known to be 0: with the mean number of marks 3.69 none
// falls in 2.5 % of the cases (Garwood, 1936), so 3.69 of the heaviest items that could be missed
// (MayMiss) are its upper end. No interval can speak for kinds that nothing is known of.

// A number with its 95 % interval. Exact when low == high == value.
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
  // Of one event that ends a countdown of events, drawn from an exponential distribution of this mean and rounded down:
  // p = 1 - exp(-1 / interval). Up to 1: certain.
  static Weight OfEvery(uint64_t interval);
};

// A sum of weighted items, with its variance, and the plain sum of what was seen.
class Tally {
 public:
  void Add(double amount, Weight weight) {
    if (weight.spread == 0) {
      certain_ += amount;
      return;
    }
    const double variance = amount * amount * weight.spread;
    Sampled& sampled = sampled_.Make();
    ++sampled.items;
    sampled.value += amount * weight.factor;
    sampled.variance += variance;
    sampled.seen += amount;
    if (variance > double{sampled.heaviest} * sampled.heaviest)
      sampled.heaviest = static_cast<float>(std::sqrt(variance));
  }
  void Remove(double amount, Weight weight) {
    if (weight.spread == 0) {
      certain_ -= amount;
      return;
    }
    Sampled& sampled = sampled_.Make();
    --sampled.items;
    sampled.value -= amount * weight.factor;
    sampled.variance -= amount * amount * weight.spread;
    sampled.seen -= amount;
  }
  // What items that were seen for certain add up to.
  void AddCertain(double total) { certain_ += total; }
  // REQUIRES: the two tallies are of independent items.
  void Merge(const Tally& other) {
    certain_ += other.certain_;
    if (!other.sampled_.IsMade()) return;
    const Sampled& more = *other.sampled_;
    Sampled& sampled = sampled_.Make();
    sampled.items += more.items;
    sampled.value += more.value;
    sampled.variance += more.variance;
    sampled.seen += more.seen;
    sampled.heaviest = std::max(sampled.heaviest, more.heaviest);
    sampled.missed = std::max(sampled.missed, more.missed);
  }
  // Items may have been missed that stand for as much as `amount` each.
  void MayMiss(double amount) {
    const auto missed = static_cast<float>(amount);
    if (missed > sampled_->missed) sampled_.Make().missed = missed;
  }
  // These are some of the items of `whole`: as heavy ones may have been missed, and not more in all
  // than there are.
  void MayMissSomeOf(const Tally& whole);

  bool IsEmpty() const { return IsCertain() && certain_ == 0; }
  // Were all items seen for certain?
  bool IsCertain() const { return sampled_->items == 0; }
  double value() const { return certain_ + sampled_->value; }
  double certain() const { return certain_; }
  double variance() const { return sampled_->variance; }
  double seen() const { return certain_ + sampled_->seen; }
  double missed() const { return sampled_->missed; }
  // `low` is never below what was seen.
  Estimate Interval() const;

 private:
  // How many times as heavy as the heaviest seen item the one more item is.
  double HeavierThanSeen() const;

  // Beside what is certain.
  struct Sampled {
    uint64_t items = 0;
    double value = 0;
    double variance = 0;
    double seen = 0;
    // Standard deviations, of one item.
    float heaviest = 0;  // not lowered by Remove
    float missed = 0;    // of one that may have been missed
  };

  double certain_ = 0;         // of the value: items that only add themselves
  OnDemand<Sampled> sampled_;  // a site has a dozen tallies, and a full recording none of these
};

// Of two sums, `greater` being the greater estimate: does the 95 % interval of their difference (MOVER: Zou and Donner, 2008)
// reach below 0?
bool MayBeLess(const Tally& greater, const Tally& less);

// Normal quantile of a two-sided 95 % interval.
inline constexpr double kZ95 = 1.959963984540054;

// Student's quantile of a two-sided 95 % interval, of at least one degree of freedom; those of an
// estimated variance need not be whole. Within 1 %.
double StudentQuantile95(double degrees_of_freedom);

}  // namespace perfagent
