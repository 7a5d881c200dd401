// slow_path.h: what every slow path begins and ends with: it enters the agent, learns whether the process is recorded,
// reads the clock, and at its end is charged for.
//
//   SlowPath path(SlowPath::kHeap);
//   if (!path) return path.Refuse();
#pragma once

#include "agent/agent_scope.h"
#include "agent/budget.h"
#include "agent/clock.h"
#include "agent/lifecycle.h"
#include "agent/sections.h"
#include "agent/stream.h"

namespace perfagent {

class SlowPath {
 public:
  // kShortLock: for those that are so short that reading the clock twice is a good part of them, and that do not need
  // begin(). One in kRun is charged for all.
  enum Kind { kHeap, kLock, kShortLock };

  explicit SlowPath(Kind kind, const void* top = __builtin_frame_address(0))
      : scope_(AgentScope::kLost, top),
        entered_(scope_ && lifecycle::Enter()),
        work_(kind == kHeap ? budget::Work::kHeap : budget::Work::kLocks),
        stands_for_(kind == kShortLock ? kRun : 1),
        begin_(entered_ && (kind != kShortLock || IsItsTurn()) ? clock::Now() : 0),
        records_all_(entered_ && budget::RecordsAll()) {
    if (entered_ && thread_state.watch != 0) [[unlikely]]
      sections::TakeBackCountdowns();
  }
  ~SlowPath() {
    if (!entered_) return;
    Charge();
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
  static constexpr uint32_t kRun = 16;

  static bool IsItsTurn() {
    Stream* stream = thread_state.stream;
    if (stream == nullptr || ++stream->untimed_paths < kRun) return false;
    stream->untimed_paths = 0;
    return true;
  }
  void Charge() const {
    if (stands_for_ == 1) {
      budget::Charge(work_, thread_state.stream, begin_, records_all_);
    } else if (begin_ != 0) {
      budget::ChargeFor(stands_for_, work_, thread_state.stream, begin_, records_all_);
    }
  }

  AgentScope scope_;
  bool entered_;
  budget::Work work_;
  uint32_t stands_for_;
  uint64_t begin_;
  bool records_all_;  // asked after the time was taken
};

}  // namespace perfagent
