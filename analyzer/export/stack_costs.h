// stack_costs.h: a profile as rows of whole numbers, one for each stack: what most formats consist of.
//
// Estimates are scaled already, and rounded so that their total is the rounded total.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analyzer/export/stack_metric.h"
#include "analyzer/model/ids.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

struct StackRow {
  StackId stack;
  const Lock* lock = nullptr;         // of waits: for which
  std::vector<uint64_t> values = {};  // of the metrics asked for, in their order
};

struct StackCosts {
  std::vector<StackRow>
      rows;  // those with any value; in the order of sites, or of locks by wait time
  std::vector<uint64_t> totals;  // by metric
};

// REQUIRES: the metrics are all of the heap or all of locks. Waits for what is no lock (conditions, semaphores and the like)
// are left out, as in the report's totals.
//
// Of a lock the number and time of waits are known exactly, their stacks only of those that were kept: sampled ones are
// scaled to what is known. Waits of which none was kept have the call they were made by as their stack, and those whose
// event was lost the stack kLostStack.
StackCosts CostsOf(const NamedProfile& named, std::span<const StackMetric> metrics);
inline constexpr char kLostStack[] = "[stack not recorded]";

// Waits that are not contention, and their time.
Waits OtherWaits(const LockProfile& locks);

// Whole numbers next to these whose sum is the rounded sum: those with the largest fractions are rounded up. What is
// negative by a rounding error is 0.
std::vector<uint64_t> RoundKeepingTotal(std::span<const double> values);

}  // namespace perfagent
