// peak_resident.h: how large the process has been so far, over time.
//
// The kernel says the greatest resident size so far, and goes on to say that of an earlier program after exec: until the
// process is larger than that, nothing is known but this bound.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "perfagent/records.h"

namespace perfagent {

struct ResidentPoint {
  uint64_t time_ns = 0;
  uint64_t peak_bytes = 0;  // so far
};

struct ResidentCourse {
  // By time, never falling: those where it was found to have grown, and the last one.
  std::vector<ResidentPoint> points;
  // Before the first of them it was not more than this; 0: there is nothing before them.
  uint64_t before_exec_bytes = 0;
};

// Collects what a dump says, in any order. Of more readings than an agent makes in years, some are left out.
class PeakResident {
 public:
  static constexpr size_t kMost = 1 << 14;

  void Add(const PeakResidentRecord& record);
  void Merge(const PeakResident& other);

  ResidentCourse Course() const;

 private:
  void Add(const ResidentPoint& point);

  std::vector<ResidentPoint> points_;
  uint64_t before_exec_bytes_ = 0;
};

}  // namespace perfagent
