// comparison.h: two sides, thing by thing: what changed, and what is more than chance.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/compare/figures.h"
#include "analyzer/compare/match.h"
#include "analyzer/compare/significance.h"

namespace perfagent {

enum class Verdict {
  kSame,       // both 0, or exactly the same
  kFact,       // exact on both sides, and every run agrees
  kChanged,    // more than chance
  kUncertain,  // no more than chance may do
  kUnjudged,   // how much runs differ by themselves is not known
};
const char* Name(Verdict verdict);

struct MetricChange {
  Metric metric = Metric::kAllocations;
  Figure base;
  Figure now;
  Difference difference;
  double adjusted_p = 1;  // of all that was tested
  Verdict verdict = Verdict::kSame;

  bool IsTested() const { return verdict == Verdict::kChanged || verdict == Verdict::kUncertain; }
  bool IsNamed() const { return verdict == Verdict::kFact || verdict == Verdict::kChanged; }
};

struct ThingChange {
  Match match;  // without the figures
  std::vector<MetricChange> metrics;
  bool is_named = false;
  double share =
      0;  // the greatest one of a whole that a change is, of the named ones where there are any
};

struct Comparison {
  Side base;  // without things
  Side now;
  bool has_heap = true;  // on both sides
  bool has_locks = true;
  std::vector<MetricChange> total;
  std::vector<ThingChange>
      sites;  // named ones first, by share; then the others, by how much they changed
  std::vector<ThingChange> locks;
  size_t tested = 0;  // figures that chance may have changed

  // More than one, on one side at least: else nothing is known of how they differ by themselves.
  bool HasSeveralRuns() const { return base.runs + now.runs > 2; }
  bool IsOneRunOfTimed() const { return !HasSeveralRuns() && (base.is_timed || now.is_timed); }
};

Comparison CompareSides(Side base, Side now);

}  // namespace perfagent
