#include "agent/unwind/spine.h"

#include <algorithm>
#include <atomic>

#include "agent/modules.h"
#include "agent/unwind/rule_table.h"
#include "agent/unwind/words.h"

namespace perfagent {

namespace {

// One multiplication per frame; stack_table scrambles the result.
uint64_t Extend(uint64_t hash, uint64_t pc) {
  hash = (hash ^ pc) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

}  // namespace

bool Spine::Walk(const FrameState& from, uint64_t epoch, size_t depth, Workspace* workspace) {
  const bool may_reuse = is_reusable_ && epoch_ == epoch;
  // First: a longjmp out of this walk must not leave the last one's frames to an epoch that is not theirs.
  if (!may_reuse) Clear();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  epoch_ = epoch;
  Outcome outcome = WalkOn(from, count_, depth, workspace);
  if (outcome == Outcome::kTooShort) outcome = WalkOn(from, 0, depth, workspace);
  if (outcome == Outcome::kDone) return true;
  Clear();
  return false;
}

// A stack that is cut holds twice the depth asked for at first, so that it need not be walked anew at each return.
Spine::Outcome Spine::WalkOn(const FrameState& from, size_t kept, size_t depth,
                             Workspace* workspace) {
  const size_t most = std::min(2 * depth, kMost);
  ReadableStack stack(&workspace->bounds);
  FrameState frame = from;
  size_t added = 0;
  while (frame.pc != 0) {
    // Frames of the last walk that are further in than this one are gone.
    while (kept != 0 && sp_[kept - 1] < frame.sp) --kept;
    if (kept != 0 && IsAt(kept - 1, frame)) {
      if (IsUnchangedOutwardFrom(kept - 1)) [[likely]] {
        const bool is_too_short = root_ == Root::kCut && kept + added < depth;
        if (is_too_short || kept + added > kMost) return Outcome::kTooShort;
        Append(kept, added, root_, stack.is_elsewhere());
        return Outcome::kDone;
      }
      kept = FirstChanged(kept - 1);
    }
    if (added == most) {
      Append(0, added, Root::kCut, stack.is_elsewhere());
      return Outcome::kDone;
    }
    NewFrame* last = &added_[added];
    *last = {frame, {0, 0}, false};
    if (added != 0 || !modules::IsAgent(frame.pc)) ++added;
    const PackedRule rule = rule_table::Find(frame.pc, epoch_, workspace);
    if (rule.kind() == Rule::kWhole) [[unlikely]]
      return Outcome::kNeedsWhole;
    last->needs_rbp = rule.needs_rbp();
    end_slot_ = 0;
    if (rule.kind() == Rule::kEnd) break;
    if (rule.kind() == Rule::kNone || !StepOut(rule, &stack, &frame, &last->slots)) {
      Append(0, added, Root::kTruncated, stack.is_elsewhere());
      return Outcome::kDone;
    }
    if (frame.pc == 0) end_slot_ = frame.sp - 8;
  }
  Append(0, added, Root::kStart, stack.is_elsewhere());
  return Outcome::kDone;
}

bool Spine::IsUnchangedOutwardFrom(size_t frame) const {
  return (Difference<-8>(sp_, pc_, frame) |
          Difference<0>(word_address_, word_value_, words_upto_[frame])) == 0;
}

// The outermost of the first `frames` frames that is not what it was: those outside of it may still be met.
PERFAGENT_READS_OLD_FRAMES size_t Spine::FirstChanged(size_t frames) const {
  size_t word = 0;
  for (size_t i = 0; i < frames; ++i) {
    if (Word(sp_[i] - 8) != pc_[i]) return i;
    for (; word < words_upto_[i]; ++word)
      if (Word(word_address_[word]) != word_value_[word]) return i;
  }
  return frames;
}

void Spine::Append(size_t kept, size_t added, Root root, bool is_elsewhere) {
  is_reusable_ = (kept == 0 || is_reusable_) && !is_elsewhere;
  joined_ = count_ = static_cast<uint32_t>(kept);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  root_ = root;
  size_t frame = kept;
  for (size_t i = added; i-- > 0;) Push(frame++, added_[i]);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  count_ = static_cast<uint32_t>(frame);
}

inline uint32_t Spine::KeepWord(uint32_t word, uint64_t address, uint64_t value) {
  word_address_[word] = address;
  word_value_[word] = value;
  return word + (address != 0);
}

// What it read of its caller's state is the state of the frame outside of it.
inline void Spine::Push(size_t frame, const NewFrame& added) {
  const FrameState& state = added.state;
  pc_[frame] = state.pc;
  sp_[frame] = state.sp;
  rbp_[frame] = state.rbp;
  // What a walk that was cut would have needed further out is not known.
  const bool caller_needs_rbp = frame != 0 ? needs_rbp_[frame - 1] : root_ == Root::kCut;
  needs_rbp_[frame] = added.needs_rbp || (added.slots.rbp == 0 && caller_needs_rbp);
  uint32_t words = 0;
  if (frame != 0) {
    words =
        KeepWord(words_upto_[frame - 1], caller_needs_rbp ? added.slots.rbp : 0, rbp_[frame - 1]);
    words = KeepWord(words, added.slots.cfa, sp_[frame - 1]);
  } else {
    words = KeepWord(words, end_slot_, 0);
  }
  words_upto_[frame] = words;
  const uint64_t root = epoch_ * 2 + is_truncated();
  hash_[frame] = Extend(frame != 0 ? hash_[frame - 1] : root, state.pc);
  id_[frame] = 0;
}

void Spine::Set(const uint64_t* pcs, const whole_walk::Walk& walk, uint64_t epoch) {
  epoch_ = epoch;
  for (size_t i = 0; i < walk.count; ++i) added_[i] = {{pcs[i], 0, 0}, {0, 0}, false};
  Append(0, walk.count, walk.truncated ? Root::kTruncated : Root::kStart, true);
}

}  // namespace perfagent
