// taken_bytes.h: what the allocator takes for a site's blocks beyond what was asked for, by the model of its classes.
#pragma once

#include <algorithm>

#include "analyzer/findings/heap_case.h"

namespace perfagent {

// So small that the header and the least block matter more than the classes.
inline constexpr double kTinyBytes = 32;

// When the heap was largest, about: headers, rounding.
inline double OverheadAtPeak(const HeapCase& heap, const HeapSite& site) {
  if (heap.classes() == SizeClasses::kUnknown) return 0;
  const double each =
      site.evidence.taken_bytes.value() / site.metrics.allocations.value() - MeanSize(site);
  return each * BlocksAtPeak(site);
}

// Likewise, without headers.
inline double SlackAtPeak(const HeapCase& heap, const HeapSite& site) {
  const double headers = static_cast<double>(HeaderBytes(heap.classes())) * BlocksAtPeak(site);
  return std::max(OverheadAtPeak(heap, site) - headers, 0.0);
}

}  // namespace perfagent
