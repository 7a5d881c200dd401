#include "analyzer/model/peak_resident.h"

#include <algorithm>

namespace perfagent {
namespace {

// By time, each the greatest so far: threads' clocks differ a little, and so do the kernel's counts of two processors.
std::vector<ResidentPoint> InOrder(std::vector<ResidentPoint> points) {
  std::stable_sort(
      points.begin(), points.end(),
      [](const ResidentPoint& a, const ResidentPoint& b) { return a.time_ns < b.time_ns; });
  uint64_t most = 0;
  for (ResidentPoint& point : points) most = point.peak_bytes = std::max(most, point.peak_bytes);
  return points;
}

// Half of them, the last one too: what it has been so far stays true.
void ThinOut(std::vector<ResidentPoint>* points) {
  *points = InOrder(std::move(*points));
  size_t kept = 0;
  for (size_t i = 1; i < points->size(); i += 2) (*points)[kept++] = (*points)[i];
  points->resize(kept);
}

}  // namespace

void PeakResident::Add(const PeakResidentRecord& record) {
  if ((record.flags & kPeakBeforeExec) != 0) {
    before_exec_bytes_ = std::max(before_exec_bytes_, record.bytes);
  } else {
    Add(ResidentPoint{record.time, record.bytes});
  }
}

void PeakResident::Add(const ResidentPoint& point) {
  points_.push_back(point);
  if (points_.size() == kMost) ThinOut(&points_);
}

void PeakResident::Merge(const PeakResident& other) {
  before_exec_bytes_ = std::max(before_exec_bytes_, other.before_exec_bytes_);
  for (const ResidentPoint& point : other.points_) Add(point);
}

ResidentCourse PeakResident::Course() const {
  ResidentCourse course{.points = {}, .before_exec_bytes = before_exec_bytes_};
  const std::vector<ResidentPoint> all = InOrder(points_);
  for (const ResidentPoint& point : all) {
    const bool grew = course.points.empty() || course.points.back().peak_bytes < point.peak_bytes;
    if (grew || &point == &all.back()) course.points.push_back(point);
  }
  return course;
}

}  // namespace perfagent
