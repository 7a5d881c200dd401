#include "analyzer/compare/figures.h"

#include <algorithm>
#include <cmath>

namespace perfagent {

void Figure::Merge(const Figure& other) {
  const Estimate a = mean, b = other.mean;
  mean.value = a.value + b.value;
  mean.low = mean.value - std::hypot(a.value - a.low, b.value - b.low);
  mean.high = mean.value + std::hypot(a.high - a.value, b.high - b.value);
  const double deviation = std::sqrt(run_variance) + std::sqrt(other.run_variance);
  run_variance = deviation * deviation;
}

Estimate IntervalOfMean(const Figure& figure, size_t runs) {
  if (runs < 2) return figure.mean;
  const auto freedom = static_cast<double>(runs - 1);
  const double of_runs =
      StudentQuantile95(freedom) * std::sqrt(figure.run_variance / static_cast<double>(runs));
  const Estimate& mean = figure.mean;
  return {mean.value, std::max(0.0, std::min(mean.low, mean.value - of_runs)),
          std::max(mean.high, mean.value + of_runs)};
}

Figure FigureOfAbsent(const Side& side, const Thing& seen, Metric metric) {
  const double blocks = seen.figures[Metric::kAllocations].mean.value;
  if (seen.is_lock || side.widest_interval_bytes == 0 || blocks <= 0) return {};
  const double size = seen.figures[Metric::kBytes].mean.value / blocks;
  const Weight weight = Weight::OfBlock(static_cast<uint64_t>(size), side.widest_interval_bytes);
  Tally none;
  none.MayMiss((Traits(metric).unit == Unit::kBytes ? size : 1) * std::sqrt(weight.spread));
  Estimate mean = none.Interval();
  mean.high = std::min(mean.high / static_cast<double>(side.runs), side.total[metric].mean.high);
  return {mean};
}

}  // namespace perfagent
