#include "analyzer/replay/window_locks.h"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace perfagent {
namespace {

void Hand(uint32_t stream, const LockEvent& event, LockReplay* locks) {
  if (const auto* wait = std::get_if<LockWaitEvent>(&event)) {
    return locks->OnEvent(stream, wait->record, wait->cuts);
  }
  std::visit(
      [stream, locks](const auto& record) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(record)>, LockWaitEvent>) {
          locks->OnEvent(stream, record);
        }
      },
      event);
}

}  // namespace

void WindowLocks::Replay(LockReplay* locks) {
  // Each shard's are in order already.
  std::stable_sort(
      changes.begin(), changes.end(),
      [](const LockBlockChange& a, const LockBlockChange& b) { return a.order < b.order; });
  auto change = changes.begin();
  for (const LockMoment& moment : events) {
    for (; change != changes.end() && change->order < moment.order; ++change)
      locks->OnBlock(*change);
    Hand(moment.stream, moment.event, locks);
  }
  for (; change != changes.end(); ++change) locks->OnBlock(*change);
  events.clear();
  changes.clear();
}

}  // namespace perfagent
