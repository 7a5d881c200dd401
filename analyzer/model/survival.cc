#include "analyzer/model/survival.h"

#include <algorithm>

namespace perfagent {

double Survival::AtRisk(size_t bucket) const {
  double blocks = 0;
  for (size_t i = bucket; i < kAgeBuckets; ++i) blocks += ended_.counts[i] + live_.counts[i];
  return blocks;
}

double Survival::Of(size_t from, size_t to) const {
  double survival = 1;
  for (size_t i = from; i < to; ++i) {
    const double at_risk = AtRisk(i) - live_.counts[i] / 2;
    if (at_risk > 0) survival *= 1 - std::clamp(ended_.counts[i] / at_risk, 0.0, 1.0);
  }
  return survival;
}

}  // namespace perfagent
