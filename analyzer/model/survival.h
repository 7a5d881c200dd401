// survival.h: which part of blocks is still live at an age.
//
// Kaplan and Meier (1958), with blocks that are live at the end as censored: their lifetimes are at least so long. Ages are
// known by powers of two, so within each one the estimate is the actuarial one: what is censored there was at risk for half
// of it.
#pragma once

#include "analyzer/model/heap_evidence.h"

namespace perfagent {

class Survival {
 public:
  // Weighted counts by bucket (heap_profile.h: LifetimeBucket).
  Survival(const BlockAges& ended, const BlockAges& live) : ended_(ended), live_(live) {}

  // Of those that reached the beginning of bucket `from`, the part that reaches that of bucket `to`; 1 when none did.
  double Of(size_t from, size_t to) const;
  // How many reached it.
  double AtRisk(size_t bucket) const;

 private:
  BlockAges ended_;
  BlockAges live_;
};

}  // namespace perfagent
