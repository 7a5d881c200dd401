// stack_memo.h: stacks that the thread took before, recognized without walking to them.
//
// A program calls from some places by turns, so the frames in which two events differ are often those of an event shortly
// before. An entry is the way from such a leaf to a frame of the spine: where it starts, every word that was read on the
// way with its value, and the frame that it led to. Where the start, all words, that frame and all words outward from it
// are what they were, the stack is: the same argument as the spine's (spine.h), and its check, without a walk by rules,
// whose loads depend on each other.
//
//   spine:  [0] outermost ... [7] main loop [8] parse ... leaf of the last walk
//   entry:                          ▲ join ◄─ statement ◄─ insert ◄─ start        words of three frames, hash, id
//
// Threads: belongs to its thread. Signals: under an AgentScope. Longjmp: an entry counts from its last store on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/unwind/spine.h"

namespace perfagent {

class StackMemo {
 public:
  struct Known {
    uint64_t hash, id;
  };

  // The stack of a thread that is at `from`; null when it is not known. `readable`: of the thread's stack.
  const Known* Find(const FrameState& from, uint64_t epoch, const Spine& spine,
                    const StackBounds::Range& readable) const;

  // The stack that the spine has walked to from `from` has this id.
  void Keep(const FrameState& from, const Spine& spine, uint64_t id);

 private:
  static constexpr size_t kEntries = 64;
  static constexpr size_t kMostWords = 12;  // some eight frames

  struct Entry {
    FrameState from;  // pc 0: a free entry
    bool needs_rbp;   // of `from`
    uint64_t epoch;
    FrameState join;  // the spine's frame `join_index`, of this hash
    uint64_t join_hash;
    uint32_t join_index;
    uint32_t words;
    Known known;
    uint64_t address[kMostWords];
    alignas(16) uint64_t value[kMostWords];
  };
  static bool BeginsAt(const Entry& entry, const FrameState& from) {
    return entry.from.pc == from.pc && entry.from.sp == from.sp &&
           (entry.from.rbp == from.rbp || !entry.needs_rbp);
  }
  static size_t IndexOf(const FrameState& from) {
    return (from.pc ^ from.sp << 17) * 0x9e3779b97f4a7c15 >> 58;
  }
  static_assert(kEntries == size_t{1} << (64 - 58));

  Entry entries_[kEntries];
};

}  // namespace perfagent
