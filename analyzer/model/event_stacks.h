// event_stacks.h: how many events have a stack, and a whole one.
#pragma once

#include <cstdint>

#include "analyzer/model/stack_trie.h"

namespace perfagent {

struct EventStacks {
  uint64_t events = 0;
  uint64_t frames = 0;
  uint64_t truncated = 0;  // their stack ends before the thread's start
  uint64_t missing = 0;    // they have none, or one that the dump does not define

  void Count(const KnownStack& stack) {
    ++events;
    frames += stack.frames;
    truncated += stack.is_truncated;
    missing += stack.frames == 0;
  }
  void Merge(const EventStacks& other) {
    events += other.events;
    frames += other.frames;
    truncated += other.truncated;
    missing += other.missing;
  }
};

}  // namespace perfagent
