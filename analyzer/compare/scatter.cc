#include "analyzer/compare/scatter.h"

#include <algorithm>
#include <cmath>

namespace perfagent {

Figure WithScatter(Metric metric, const Figures& figures, bool is_one_run_of_timed) {
  Figure figure = figures[metric];
  const double events = figures[Traits(metric).events].mean.value;
  if (events <= 0) return figure;
  Estimate& mean = figure.mean;
  const double variance = mean.value * mean.value / events;
  if (Traits(metric).is_timed) {
    figure.run_variance = std::max(figure.run_variance, variance);
  } else if (is_one_run_of_timed) {
    const double half_width = kZ95 * std::sqrt(variance);
    mean.low = mean.value - std::hypot(mean.value - mean.low, half_width);
    mean.high = mean.value + std::hypot(mean.high - mean.value, half_width);
  }
  return figure;
}

}  // namespace perfagent
