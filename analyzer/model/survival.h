// survival.h: which part of blocks is still live at an age.
//
// Kaplan and Meier (1958), with blocks that are live at the end as censored: their lifetimes are at least so long. Ages are
// known by powers of two, so within each one the estimate is the actuarial one: what is censored there was at risk for half
// of it; and blocks end in it at an even rate.
#pragma once

#include "analyzer/model/heap_evidence.h"

namespace perfagent {

class Survival {
 public:
  // Weighted counts by bucket (heap_profile.h: LifetimeBucket).
  Survival(const BlockAges& ended, const BlockAges& live) : ended_(ended), live_(live) {}

  // Of those that reached the age `from_ns`, the part that reaches `to_ns`; 1 when none did.
  double Of(double from_ns, double to_ns) const;
  // How many reached the beginning of a bucket.
  double AtRisk(size_t bucket) const;

 private:
  BlockAges ended_;
  BlockAges live_;
};

}  // namespace perfagent
