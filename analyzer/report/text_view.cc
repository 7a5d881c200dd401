#include "analyzer/report/text_view.h"

#include "absl/strings/str_cat.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

std::string Part(const std::string& part, const std::string& whole, double value, double of) {
  return absl::StrCat(part, " of ", whole, " (", FormatShare(value, of), ")");
}

std::string Part(const Tally& part, const Tally& whole, std::string (*format)(double)) {
  return Part(format(part.value()), format(whole.value()), part.value(), whole.value());
}

std::string Part(uint64_t part, uint64_t whole, std::string (*format)(uint64_t)) {
  return Part(format(part), format(whole), static_cast<double>(part), static_cast<double>(whole));
}

}  // namespace

std::string HeapShown(const HeapProfile& heap) {
  const HeapMetrics &total = heap.total, &whole = *heap.whole;
  std::string shown =
      absl::StrCat(Part(total.bytes, whole.bytes, FormatBytes), " allocated in ",
                   Part(total.allocations, whole.allocations, FormatCount), " calls");
  // Of times and threads it is not known what is live without them.
  if (!whole.leaked_bytes.IsEmpty())
    absl::StrAppend(&shown, "; ", Part(total.leaked_bytes, whole.leaked_bytes, FormatBytes),
                    " live at the end");
  return heap.sites.empty() ? absl::StrCat("nothing: no site matches; ", shown) : shown;
}

std::string LocksShown(const LockProfile& locks) {
  const Waits whole = locks.Whole();
  const std::string shown = absl::StrCat(Part(locks.wait_ns, whole.wait_ns, Time), " waited in ",
                                         Part(locks.contended, whole.contended, Count), " waits");
  return locks.locks.empty() ? absl::StrCat("nothing: no wait matches; ", shown) : shown;
}

}  // namespace perfagent
