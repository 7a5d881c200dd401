// trace_events.h: the waits and holds of a dump that a trace shows: the longest ones.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analyzer/model/ids.h"
#include "analyzer/replay/load_profile.h"
#include "perfagent/dump_format.h"

namespace perfagent {

// Who gave the lock to a waiter.
struct Release {
  uint64_t tid = 0;
  uint64_t time_ns = 0;
};

// A thread waits for a lock or holds it.
struct LockSpan {
  uint64_t begin_ns = 0;
  uint64_t length_ns = 0;
  uint64_t tid = 0;
  uint64_t lock = 0;  // address
  LockApi api = {};
  StackId stack;
  double weight = 1;                    // for how many it stands
  std::optional<Release> release = {};  // of waits: the last one before its end

  uint64_t end_ns() const { return begin_ns + length_ns; }
};

// The longest of those that came, and how many and how much were left out.
class LongestSpans {
 public:
  explicit LongestSpans(size_t most) : most_(most) {}

  void Add(const LockSpan& span);
  // By thread, then by begin, what contains another one before it.
  std::vector<LockSpan> Take();

  uint64_t seen() const { return seen_; }
  uint64_t left_out() const { return left_out_; }
  uint64_t left_out_ns() const { return left_out_ns_; }

 private:
  static bool IsLonger(const LockSpan& a, const LockSpan& b) { return a.length_ns > b.length_ns; }

  const size_t most_;
  std::vector<LockSpan> spans_;  // a heap, the shortest first
  uint64_t seen_ = 0;
  uint64_t left_out_ = 0;
  uint64_t left_out_ns_ = 0;
};

struct TraceEvents {
  LongestSpans waits;   // for locks
  LongestSpans others;  // for conditions, semaphores and the like
  LongestSpans holds;
};

// Of the events in the profile's view, so many of each at most. `is_lock` says of a wait's address and call whether it is
// contention.
TraceEvents ReadTraceEvents(const Profile& profile, size_t most,
                            absl::FunctionRef<bool(uint64_t lock, LockApi api)> is_lock);

}  // namespace perfagent
