#include "analyzer/model/survival.h"

#include <algorithm>
#include <cmath>

#include "analyzer/model/heap_profile.h"

namespace perfagent {

double Survival::AtRisk(size_t bucket) const {
  double blocks = 0;
  for (size_t i = bucket; i < kAgeBuckets; ++i) blocks += ended_.counts[i] + live_.counts[i];
  return blocks;
}

double Survival::Of(double from_ns, double to_ns) const {
  double survival = 1;
  for (size_t i = 0; i < kAgeBuckets; ++i) {
    const double begin = i == 0 ? 0 : LeastLifetimeNs(i);
    const double end = LeastLifetimeNs(i + 1);
    const double part = (std::min(end, to_ns) - std::max(begin, from_ns)) / (end - begin);
    const double at_risk = AtRisk(i) - live_.counts[i] / 2;
    if (part <= 0 || at_risk <= 0) continue;
    survival *= std::pow(1 - std::clamp(ended_.counts[i] / at_risk, 0.0, 1.0), part);
  }
  return survival;
}

}  // namespace perfagent
