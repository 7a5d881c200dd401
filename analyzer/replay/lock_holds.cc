#include "analyzer/replay/lock_holds.h"

#include <algorithm>

namespace perfagent {

Weight WeightOf(const LockSectionRecord& record) {
  if ((record.flags & kSectionContended) == 0) return Weight::OfEvery(record.interval);
  return Weight::OfAmount(static_cast<double>(record.wait), record.interval);
}

void AddSection(const LockSectionRecord& record, LockHolds* holds) {
  const Weight weight = WeightOf(record);
  const auto hold_ns = static_cast<double>(record.hold);
  holds->sections.Add(1, weight);
  holds->hold_ns.Add(hold_ns, weight);
  holds->distribution.Add(record.hold, weight.factor);
  if (record.running_ns != 0) {
    // Its readings take longer than a short section, and lie outside of it.
    const auto running_ns = static_cast<double>(record.running_ns - 1);
    holds->running_ns.Add(std::min(running_ns, hold_ns), weight);
    holds->running_of_ns.Add(hold_ns, weight);
  }
  holds->allocations.Add(static_cast<double>(record.allocations), weight);
  holds->bytes.Add(static_cast<double>(record.bytes), weight);
  holds->allocator_ns.Add(static_cast<double>(record.allocator), weight);
  holds->nested_waits.Add(static_cast<double>(record.waits), weight);
  holds->nested_wait_ns.Add(static_cast<double>(record.waited), weight);
  holds->idle_ns.Add(static_cast<double>(record.idle), weight);
}

}  // namespace perfagent
