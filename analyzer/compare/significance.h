// significance.h: is a difference more than chance?
//
// Two errors can make figures of one build differ. Sampling: its interval is known from the samples. And runs, which
// differ by themselves: known only where a side has several, from how they scatter.
//
//   - The interval of a difference from those of its two sides is MOVER's (Zou and Donner, 2008): each end adds in squares
//     the ends of the sides that lead to it, so that lopsided intervals of few samples keep their shape.
//   - The variance between runs is pooled over both sides, as in Student's two-sample test: with few runs one side alone
//     knows too little, and where nothing changed both are the same. It holds the sampling's share, too, so the greater
//     of the two variances counts. Where that is the one of the runs, the quantile is Student's with as many degrees of
//     freedom as runs less two; where the sampling outweighs it by B, with (1/B)^2 times as many (Satterthwaite, 1946).
//   - The p-value is of the same distribution at the end nearer to zero.
//   - Holm (1979) corrects for the number of figures compared: the probability that anything is named where nothing
//     changed is 5 % at most, however the figures depend on one another, and those of one site do. Benjamini and
//     Hochberg (1995) would name more, of which 5 % may be wrong: a build that fails for nothing is not worth that.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "analyzer/compare/figures.h"

namespace perfagent {

inline constexpr double kSignificanceLevel = 0.05;

struct Difference {
  Estimate change;         // of the mean of a run, with its 95 % interval
  double p = 1;            // two-sided, of one figure alone
  bool is_certain = true;  // both sides are exact, and all runs of each agree: a fact, and no test
};

Difference Compare(const Figure& base, size_t base_runs, const Figure& now, size_t now_runs);

// Holm's adjusted p-values, in the same order.
std::vector<double> HolmAdjusted(std::span<const double> p_values);

// Probability that a Student-distributed variable is further from 0 than t. REQUIRES: 0 < degrees_of_freedom.
double StudentTail(double t, double degrees_of_freedom);

}  // namespace perfagent
