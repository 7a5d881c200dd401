// event_view.h: which of a dump's events count, where not all of them do.
//
// What does not count is replayed all the same, for what it does to others: a block that began before is live, a
// release ends somebody's wait. Of locks, only kept waits can be told apart by time, thread or stack; tables cannot.
//
// Threads: built by one thread, then only read.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "analyzer/model/ids.h"

namespace perfagent {

struct EventView {
  static constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();

  // Since the process's start: since_ns <= t < until_ns.
  uint64_t since_ns = 0;
  uint64_t until_ns = kNoEnd;
  std::function<bool(uint64_t tid, std::string_view name)> has_thread;  // empty: all threads
  std::vector<bool> stacks;  // of waits, by StackId; empty: all of them

  bool IsEverything() const { return !LeavesOutHeapEvents() && stacks.empty(); }
  bool HasWindow() const { return since_ns != 0 || until_ns != kNoEnd; }
  // Are there allocations or frees that do not count?
  bool LeavesOutHeapEvents() const { return HasWindow() || has_thread; }
  bool HasTime(uint64_t time_ns) const { return since_ns <= time_ns && time_ns < until_ns; }
  bool HasThread(uint64_t tid, std::string_view name) const {
    return !has_thread || has_thread(tid, name);
  }
  bool HasStack(StackId stack) const { return stacks.empty() || stacks[stack.value()]; }
};

}  // namespace perfagent
