// spine.h: the thread's last walk, kept and reused by the next one where it can be shown to be the same.
//
// A walk is a function of the registers it starts from and of the stack words it reads. So where a new walk meets a frame
// of the last one in the same state (pc, sp, rbp), and every word that the last walk read from there outward still holds
// its value, the rest is the same: it is checked, not walked. Return addresses alone would not do: main→a→g→h and
// main→b→g→h may have the same frame at h. What longjmp, exceptions, fibers or alloca do to a stack needs no case of its
// own. The only thing that is not on the stack are the rules, which belong to a module epoch.
//
// In most programs rbp is a register like any other. It is part of the state, and the word that holds it is looked at,
// only where a frame further out steps on from rbp before a frame in between has restored it.
//
//   pcs:  [0] outermost  [1]  ...  [count - 1] leaf
//          ▲ kept, verified    ▲ walked by rules
//
// Each frame carries the hash of the stack that ends there, which costs one multiplication per new frame, and that stack's
// id once it has one (call_stack).
//
// Threads: belongs to its thread. Signals: under an AgentScope. Longjmp: frames above `count_` are written first, so what
// an abandoned walk leaves is the old stack or the part of it that both have.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/unwind/rule_step.h"
#include "agent/unwind/whole_walk.h"
#include "perfagent/dump_format.h"

namespace perfagent {

class Spine {
 public:
  // Walks from `from` outward by rules and by what is left of the last walk. The stack is whole from its outermost frame to the leaf, or at
  // least its `depth` innermost frames are here. REQUIRES: the workspace's bounds were entered on this stack. False: a frame that rules do not express; the spine is empty.
  bool Walk(const FrameState& from, uint64_t epoch, size_t depth, Workspace* workspace);

  // A stack that was walked by other means, leaf first; the next walk does not reuse it.
  void Set(const uint64_t* pcs, const whole_walk::Walk& walk, uint64_t epoch);

  void Clear() { count_ = joined_ = 0; }

  // Was the frame `index` of the last walk this one, of this hash, on the stack that is now `readable`?
  bool Had(size_t index, const FrameState& frame, uint64_t hash, uint64_t epoch,
           const StackBounds::Range& readable) const {
    return index < count_ && hash_[index] == hash && IsAt(index, frame) && is_reusable_ &&
           root_ != Root::kCut && epoch_ == epoch && readable.Contains(sp_[0] - 8);
  }
  // Are all words that were read from it outward what they were?
  bool IsUnchangedOutwardFrom(size_t frame) const;

  size_t count() const { return count_; }
  uint64_t epoch() const { return epoch_; }
  // So many frames, from the outermost on, the last walk found unchanged.
  size_t joined() const { return joined_; }
  // Its rbp is not what it is now where it does not count (NeedsRbp).
  FrameState state(size_t frame) const { return {pc_[frame], sp_[frame], rbp_[frame]}; }
  // Does the way from it outward depend on its rbp?
  bool NeedsRbp(size_t frame) const { return needs_rbp_[frame]; }
  // Does it end before the thread's start?
  bool is_truncated() const { return root_ != Root::kStart; }
  const uint64_t* pcs() const { return pc_; }
  uint64_t hash(size_t frame) const { return hash_[frame]; }
  uint64_t& id(size_t frame) { return id_[frame]; }
  // What was read beside return addresses on the way from the frame `inner` to the frame `outer`.
  struct Words {
    const uint64_t *address, *value;
    size_t count;
  };
  Words WordsBetween(size_t outer, size_t inner) const {
    const uint32_t first = words_upto_[outer];
    return {word_address_ + first, word_value_ + first, words_upto_[inner] - first};
  }

  // Deeper stacks are cut at the outer end.
  static constexpr size_t kMost = kMaxStackNodes;

 private:
  enum class Root : uint8_t { kStart, kTruncated, kCut };
  enum class Outcome { kDone, kNeedsWhole, kTooShort };
  struct NewFrame {
    FrameState state;
    StepSlots slots;
    bool needs_rbp;  // for the step to its caller
  };

  Outcome WalkOn(const FrameState& from, size_t kept, size_t depth, Workspace* workspace);
  bool IsAt(size_t index, const FrameState& frame) const {
    return sp_[index] == frame.sp && pc_[index] == frame.pc &&
           (rbp_[index] == frame.rbp || !needs_rbp_[index]);
  }
  size_t FirstChanged(size_t frames) const;
  void Append(size_t kept, size_t added, Root root, bool is_elsewhere);
  void Push(size_t frame, const NewFrame& added);
  uint32_t KeepWord(uint32_t word, uint64_t address, uint64_t value);

  static constexpr size_t kMostWords = kMost * 2 + 2;

  uint64_t epoch_;
  uint32_t count_, joined_;
  uint64_t end_slot_;  // holds the return address 0 of the outermost frame; 0: it has none
  Root root_;
  bool is_reusable_;
  // By frame: its state, how many of `word_` it and the frames outside it have read, hash and id of the stack that ends
  // there.
  alignas(16) uint64_t pc_[kMost];
  uint64_t sp_[kMost], rbp_[kMost];
  uint32_t words_upto_[kMost];
  uint64_t hash_[kMost], id_[kMost];
  bool needs_rbp_[kMost];
  // What was read beside return addresses.
  uint64_t word_address_[kMostWords];
  alignas(16) uint64_t word_value_[kMostWords];
  NewFrame added_[kMost];  // leaf first
};

}  // namespace perfagent
