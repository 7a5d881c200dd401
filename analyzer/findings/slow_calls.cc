#include "analyzer/findings/slow_calls.h"

#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_case.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// A thread that lost the processor amid a call looks the same: but not one call in a hundred, and of few timed ones not
// several.
constexpr double kTail = 0.99;
constexpr uint64_t kSeveral = 5;

}  // namespace

std::vector<SlowCalls> FindSlowCalls(const AllocatorCalls& calls) {
  std::vector<SlowCalls> slow;
  for (const AllocatorCall call :
       {AllocatorCall::kAllocate, AllocatorCall::kReallocate, AllocatorCall::kFree}) {
    for (size_t i = 0; i < kSizeBuckets; ++i) {
      const CallDurations& durations = calls.Of(call, i);
      const bool is_known = durations.calls.value() >= kManyCalls && durations.slow >= kSeveral;
      if (is_known && durations.distribution.Quantile(kTail) >= kSlowCallNs)
        slow.push_back({call, i, &durations});
    }
  }
  return slow;
}

std::string Describe(const SlowCalls& slow) {
  const std::string size =
      slow.size_bucket == 0
          ? ""
          : absl::StrCat(" of up to ",
                         FormatBytes(static_cast<double>(uint64_t{1} << slow.size_bucket)));
  const WeightedQuantiles& all = slow.durations->distribution;
  return absl::StrCat(Name(slow.call), size, ": ", Count(slow.durations->calls),
                      " calls, half within ", Time(all.Quantile(0.5)), ", 99 % within ",
                      Time(all.Quantile(kTail)), "; ", Time(slow.durations->ns), " in all");
}

}  // namespace perfagent
