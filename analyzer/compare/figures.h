// figures.h: what one side of a comparison comes to: per run, by names that outlive a build.
//
// A run is a process with the processes that it started (runs.h). Sides with different numbers of runs are compared by
// the mean of a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analyzer/compare/metric.h"
#include "analyzer/model/estimate.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

// One metric of one thing.
struct Figure {
  Estimate mean;            // of a run; the interval is the sampling's alone
  double run_variance = 0;  // of the runs' values around it; 0 of one run, which cannot say

  bool IsZero() const { return mean.value == 0 && mean.high == 0; }
  // Of things that become one: their errors of sampling are independent, what makes runs differ may move both.
  void Merge(const Figure& other);
};
using Figures = ByMetric<Figure>;

// The mean with everything that is known to be uncertain about it: sampling and, of several runs, their differences.
Estimate IntervalOfMean(const Figure& figure, size_t runs);

// A site of the heap or a lock, or several that have the same names.
struct Thing {
  bool is_lock = false;
  std::string kind;  // "malloc", "mutex"
  std::string
      name;  // of the function that a reader would call the place; of a lock, without addresses
  // The program's own, leaf first: of a site its stack, of a lock in the heap who allocated it; else empty.
  std::vector<SourceFrame> frames;
  size_t place = 0;     // which frame `name` is
  uint64_t offset = 0;  // of a lock in its block
  Figures figures;
};

struct Side {
  std::vector<std::string> dumps;  // or the baseline file that it was read from
  size_t runs = 0;
  size_t processes = 0;
  bool has_heap = true;  // recorded in all of them
  bool has_locks = true;
  // Timing decides what it counts, too: a process had threads, or did not end by itself.
  bool is_timed = false;
  uint64_t widest_interval_bytes = 0;  // between samples; 0: everything was recorded
  Figures total;
  std::vector<Thing> things;
  std::map<std::string, std::set<std::string>> builds;  // module's file name: its build ids, in hex
};

// What `side` says of something that it does not have, but that elsewhere is `seen`: 0, and where the heap was sampled at
// most what may have been missed of blocks of that size.
Figure FigureOfAbsent(const Side& side, const Thing& seen, Metric metric);

}  // namespace perfagent
