#include "analyzer/model/estimate.h"

#include <algorithm>
#include <cmath>

namespace perfagent {
namespace {

// Quantile of the gamma distribution of this mean and variance at the normal quantile z: the cube
// root of a gamma variable is nearly normal (Wilson and Hilferty, 1931).
double GammaQuantile(double mean, double variance, double z) {
  const double shape = mean * mean / variance;
  const double root = 1 - 1 / (9 * shape) + z / (3 * std::sqrt(shape));
  return root <= 0 ? 0 : mean * root * root * root;
}

}  // namespace

Weight Weight::OfProbability(double p) { return {1 / p, (1 - p) / (p * p)}; }

Weight Weight::OfAmount(double amount, uint64_t interval) {
  if (interval == 0) return {};
  // Nothing has probability 0: what was seen was possible, and 0 / 0 must not reach a report.
  const double p = -std::expm1(-std::max(amount, 1.0) / static_cast<double>(interval));
  return OfProbability(p);
}

Weight Weight::OfBlock(uint64_t size, uint64_t interval_bytes) {
  return OfAmount(static_cast<double>(size) + 1, interval_bytes);
}

Weight Weight::OfEvery(uint64_t interval) {
  return OfProbability(1 / static_cast<double>(std::max<uint64_t>(interval, 1)));
}

Estimate Tally::Interval() const {
  const double value = std::max(value_, seen_);
  // Sums that went up and down again may miss zero by a rounding error.
  if (variance_ <= 0 || seen_ <= 0) return Estimate::Exact(value);
  const double low = GammaQuantile(value, variance_, -kZ95);
  const double high =
      GammaQuantile(value + std::sqrt(heaviest_variance_), variance_ + heaviest_variance_, kZ95);
  return {value, std::max(low, std::min(seen_, value)), std::max(high, value)};
}

}  // namespace perfagent
