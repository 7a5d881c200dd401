#include "analyzer/export/early_frees.h"

#include <algorithm>

namespace perfagent {

void BeginNumbers::OnEvent(std::span<const Change> changes) {
  are_dropped_ = std::any_of(changes.begin(), changes.end(), [](const Change& change) {
    return change.kind == Change::kLeave || change.kind == Change::kThinned ||
           change.kind == Change::kEnter;
  });
  if (are_dropped_) [[unlikely]]
    std::fill(last_.begin(), last_.end(), kNone);
}

void EarlyFrees::OnEvent(const HeapEvent& event, std::span<const Change> changes,
                         std::span<const Site> sites) {
  ++event_;
  begins_.OnEvent(changes);
  for (const Change& change : changes) {
    const StackId stack = sites[change.site.value()].stack;
    if (!view_.HasStack(stack)) continue;
    live_bytes_ += change.Growth();
    if (change.kind == Change::kBegin) {
      kinds_.Add(change.site, {stack, change.size});
      begins_.Begin(event.stream);
      begun_at_[event.stream.value()] = event_;
      early_.push_back(false);
    } else if (change.kind == Change::kFree && change.temporary && change.shrinks) {
      const std::optional<uint64_t> number = begins_.Last(event.stream);
      if (!number) continue;
      early_[*number] = true;
      if (begun_at_[event.stream.value()] < peak_event_) spanning_.push_back(*number);
    }
  }
  if (live_bytes_ <= peak_bytes_) return;
  peak_bytes_ = live_bytes_;
  peak_event_ = event_;
  spanning_.clear();
}

void EarlyFrees::OnEnd(std::span<const Change>, std::span<const Site>) {
  for (const uint64_t number : spanning_) early_[number] = false;
}

}  // namespace perfagent
