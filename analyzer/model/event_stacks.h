// event_stacks.h: how many events have a stack, and a whole one.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/model/ids.h"
#include "analyzer/model/process.h"

namespace perfagent {

struct EventStacks {
  uint64_t events = 0;
  uint64_t truncated = 0;  // their stack ends before the thread's start
  uint64_t missing = 0;    // they have none, or one that the dump does not define

  void Count(const Process& process, std::optional<StackId> stack) {
    ++events;
    if (!stack || *stack == kNoStack) {
      ++missing;
    } else if (process.IsTruncated(*stack)) {
      ++truncated;
    }
  }
  void Merge(const EventStacks& other) {
    events += other.events;
    truncated += other.truncated;
    missing += other.missing;
  }
};

}  // namespace perfagent
