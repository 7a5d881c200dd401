#include "analyzer/model/site_history.h"

#include <utility>

namespace perfagent {

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
    Change sum = {std::min(my_slot, their_slot), 0, 0, 0};
    const auto take = [&sum](auto* from, double* live) {
      sum.calls = Sum(sum.calls, (*from)->calls);
      sum.bytes += (*from)->bytes;
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

std::array<double, kSlots> SiteHistory::calls() const {
  std::array<double, kSlots> calls = {};
  for (const Change& change : changes_) calls[change.slot] = change.calls;
  return calls;
}

std::array<double, kSlots> SiteHistory::bytes() const {
  std::array<double, kSlots> bytes = {};
  for (const Change& change : changes_) bytes[change.slot] = change.bytes;
  return bytes;
}

std::array<double, kSlots> SiteHistory::live_bytes() const {
  std::array<double, kSlots> live = {};
  for (const Change& change : changes_)
    std::fill(live.begin() + change.slot, live.end(), change.live_bytes);
  return live;
}

}  // namespace perfagent
