#include "analyzer/model/estimate.h"

#include <algorithm>
#include <cmath>

namespace perfagent {

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
  // Sums that went up and down again may miss zero by a rounding error.
  const double half_width = kZ95 * std::sqrt(std::max(variance_, 0.0));
  const double value = std::max(value_, seen_);
  return {value, std::max(value - half_width, std::min(seen_, value)), value + half_width};
}

}  // namespace perfagent
