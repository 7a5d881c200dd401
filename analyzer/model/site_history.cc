#include "analyzer/model/site_history.h"

#include <algorithm>
#include <utility>

namespace perfagent {

void SiteHistory::NoteLeak(size_t slot, double bytes) {
  auto at =
      std::lower_bound(changes_.begin(), changes_.end(), slot,
                       [](const Change& change, size_t wanted) { return change.slot < wanted; });
  // Clocks of two processors may have put the call into the slot beside this one.
  if (at == changes_.end() || at->slot != slot) {
    const double live = LiveAfter(slot);
    at = changes_.insert(at, {.slot = static_cast<uint32_t>(slot), .live_bytes = live});
  }
  at->leaked_bytes += bytes;
}

void SiteHistory::ForgetLeaks() {
  for (Change& change : changes_) change.leaked_bytes = 0;
}

void SiteHistory::Merge(SiteHistory other) {
  if (changes_.empty()) {
    *this = std::move(other);
    return;
  }
  std::vector<Change> merged;
  auto mine = changes_.begin();
  auto theirs = other.changes_.begin();
  double my_live = 0, their_live = 0;
  while (mine != changes_.end() || theirs != other.changes_.end()) {
    const uint32_t my_slot = mine == changes_.end() ? kSlots : mine->slot;
    const uint32_t their_slot = theirs == other.changes_.end() ? kSlots : theirs->slot;
    Change sum = {.slot = std::min(my_slot, their_slot)};
    const auto take = [&sum](auto* from, double* live) {
      sum.calls = Sum(sum.calls, (*from)->calls);
      sum.temporary = Sum(sum.temporary, (*from)->temporary);
      sum.bytes += (*from)->bytes;
      sum.variance += (*from)->variance;
      sum.leaked_bytes += (*from)->leaked_bytes;
      *live = (*from)->live_bytes;
      ++*from;
    };
    if (my_slot == sum.slot) take(&mine, &my_live);
    if (their_slot == sum.slot) take(&theirs, &their_live);
    sum.live_bytes = my_live + their_live;
    merged.push_back(sum);
  }
  changes_ = std::move(merged);
}

double SiteHistory::LiveAfter(size_t slot) const {
  double live = 0;
  for (const Change& change : changes_) {
    if (change.slot > slot) break;
    live = change.live_bytes;
  }
  return live;
}

std::array<double, kSlots> SiteHistory::live_bytes() const {
  std::array<double, kSlots> live = {};
  for (const Change& change : changes_)
    std::fill(live.begin() + change.slot, live.end(), change.live_bytes);
  return live;
}

}  // namespace perfagent
