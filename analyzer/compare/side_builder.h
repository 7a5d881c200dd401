// side_builder.h: profiles of many runs become one side of a comparison.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "analyzer/compare/figures.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// One metric of one thing, summed up over dumps. The runs' own values are needed only for how they scatter, and are not
// kept: Welford's (1962) update leaves no rounding error where all are the same.
class MetricSum {
 public:
  void Add(size_t run, const Tally& tally);
  // Counted, with so much doubt (lock_profile.h: Doubt).
  void Add(size_t run, uint64_t value, uint64_t fewer, uint64_t more);
  Figure Mean(size_t runs) const;

 private:
  void AddToRun(size_t run, double value);

  Tally tally_;
  double fewer_ = 0;
  double more_ = 0;
  size_t run_ = 0;
  double of_run_ = 0;     // so far
  size_t runs_seen_ = 0;  // this one, too
  // Of the runs before it.
  double mean_ = 0;
  double squares_ = 0;
};
using MetricSums = ByMetric<MetricSum>;

class SideBuilder {
 public:
  // The dumps of a run come one after the other, and `run` counts from 0.
  // REQUIRES: leaks are suppressed and futexes told apart (suppressions.h, futex_locks.h).
  void Add(size_t run, const NamedProfile& named);
  // What was added.
  Side Finish();

 private:
  struct Entry {
    Thing thing;  // without figures
    MetricSums sums;
  };

  void AddProcess(const NamedProfile& named);
  void AddSite(size_t run, const NamedProfile& named, const HeapSite& site);
  void AddLock(size_t run, const NamedProfile& named, const Lock& lock);
  MetricSums& SumsOf(Thing thing);

  Side side_;
  MetricSums total_;
  // By the key and the lines; in order, so that equals are always printed in the same one.
  std::map<std::string, Entry> entries_;
};

}  // namespace perfagent
