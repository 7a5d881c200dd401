#include "analyzer/compare/significance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace perfagent {
namespace {

constexpr double kNormal = std::numeric_limits<double>::infinity();

// Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. Converges fast for
// x < (a + 1) / (a + b + 2).
double BetaFraction(double x, double a, double b) {
  constexpr int kMostTerms = 300;
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m <= kMostTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= c * d;
    if (std::abs(c * d - 1) < 1e-12) break;
  }
  return fraction;
}

// Regularized incomplete beta function I_x(a, b).
double IncompleteBeta(double x, double a, double b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(x, a, b) / a;
  return 1 - front * BetaFraction(1 - x, b, a) / b;
}

// Of the difference, as far as it comes from sampling: towards lower and towards higher values.
struct SamplingVariance {
  double below, above;
};
SamplingVariance SamplingOf(const Estimate& base, const Estimate& now) {
  const double below = std::hypot(now.value - now.low, base.high - base.value) / kZ95;
  const double above = std::hypot(now.high - now.value, base.value - base.low) / kZ95;
  return {below * below, above * above};
}

// Of the difference, as far as it is seen in how runs scatter.
struct RunVariance {
  double variance = 0;
  double degrees_of_freedom = 0;
};
RunVariance RunsOf(const Figure& base, double base_runs, const Figure& now, double now_runs) {
  const double freedom = base_runs + now_runs - 2;
  if (freedom <= 0) return {};
  const double pooled =
      ((base_runs - 1) * base.run_variance + (now_runs - 1) * now.run_variance) / freedom;
  return {pooled * (1 / base_runs + 1 / now_runs), freedom};
}

struct Error {
  double deviation;
  double degrees_of_freedom;

  double HalfWidth() const {
    return deviation *
           (degrees_of_freedom == kNormal ? kZ95 : StudentQuantile95(degrees_of_freedom));
  }
};
Error Combine(double sampling, const RunVariance& runs) {
  const double variance = std::max(sampling, runs.variance);
  if (runs.variance == 0) return {std::sqrt(variance), kNormal};
  const double outweighs = variance / runs.variance;
  return {std::sqrt(variance), runs.degrees_of_freedom * outweighs * outweighs};
}

}  // namespace

double StudentTail(double t, double degrees_of_freedom) {
  t = std::abs(t);
  // From here on the two agree to more digits than a sampling error has.
  constexpr double kNearlyNormal = 1e4;
  if (degrees_of_freedom > kNearlyNormal) return std::erfc(t / std::sqrt(2.0));
  return IncompleteBeta(degrees_of_freedom / (degrees_of_freedom + t * t), degrees_of_freedom / 2,
                        0.5);
}

Difference Compare(const Figure& base, size_t base_runs, const Figure& now, size_t now_runs) {
  const double change = now.mean.value - base.mean.value;
  const SamplingVariance sampling = SamplingOf(base.mean, now.mean);
  const RunVariance runs =
      RunsOf(base, static_cast<double>(base_runs), now, static_cast<double>(now_runs));
  const Error below = Combine(sampling.below, runs);
  const Error above = Combine(sampling.above, runs);
  if (below.deviation == 0 && above.deviation == 0)
    return {Estimate::Exact(change), change == 0 ? 1.0 : 0.0, true};
  const Error& towards_zero = change > 0 ? below : above;
  const double p = towards_zero.deviation == 0 ? (change == 0 ? 1.0 : 0.0)
                                               : StudentTail(change / towards_zero.deviation,
                                                             towards_zero.degrees_of_freedom);
  return {{change, change - below.HalfWidth(), change + above.HalfWidth()}, p, false};
}

std::vector<double> HolmAdjusted(std::span<const double> p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double so_far = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    so_far = std::max(so_far, std::min(1.0, left * p_values[order[i]]));
    adjusted[order[i]] = so_far;
  }
  return adjusted;
}

}  // namespace perfagent
