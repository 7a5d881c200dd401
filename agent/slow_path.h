// slow_path.h: what every slow path begins and ends with: it enters the agent, learns whether the process is recorded,
// reads the clock, and at its end is charged for.
//
//   SlowPath path;
//   if (!path) return path.Refuse();
#pragma once

#include "agent/agent_scope.h"
#include "agent/budget.h"
#include "agent/clock.h"
#include "agent/lifecycle.h"
#include "agent/sections.h"

namespace perfagent {

class SlowPath {
 public:
  explicit SlowPath(const void* top = __builtin_frame_address(0))
      : scope_(AgentScope::kLost, top),
        entered_(scope_ && lifecycle::Enter()),
        begin_(entered_ ? clock::Now() : 0),
        records_all_(entered_ && budget::RecordsAll()) {
    if (entered_ && thread_state.watch != 0) [[unlikely]]
      sections::TakeBackCountdowns();
  }
  ~SlowPath() {
    if (!entered_) return;
    budget::Charge(thread_state.stream, begin_, records_all_);
    if (thread_state.watch != 0) [[unlikely]]
      sections::SetCountdownsAside();
  }
  SlowPath(const SlowPath&) = delete;
  SlowPath& operator=(const SlowPath&) = delete;

  // May the event be recorded?
  explicit operator bool() const { return entered_; }
  // If not because the thread is in the agent already, it is counted.
  void Refuse() const {
    if (!scope_) lifecycle::Refused();
  }
  bool IsNested() const { return !scope_; }
  // In clock ticks.
  uint64_t begin() const { return begin_; }
  // Is every event recorded, this one too?
  bool records_all() const { return records_all_; }

 private:
  AgentScope scope_;
  bool entered_;
  uint64_t begin_;
  bool records_all_;  // asked after the time was taken
};

}  // namespace perfagent
