#include "agent/unwind/spine.h"

#include <algorithm>
#include <atomic>

#include "agent/modules.h"
#include "agent/unwind/rule_table.h"

namespace perfagent {

namespace {

// Words of functions that have returned are read, too: to the address sanitizer that is an error.
#define PERFAGENT_READS_OLD_FRAMES [[gnu::no_sanitize("address")]]

PERFAGENT_READS_OLD_FRAMES uint64_t Word(uint64_t address) {
  return *reinterpret_cast<const uint64_t*>(address);
}

// One multiplication per frame; stack_table scrambles the result.
uint64_t Extend(uint64_t hash, uint64_t pc) {
  hash = (hash ^ pc) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

}  // namespace

bool Spine::Walk(const FrameState& from, uint64_t epoch, size_t depth, Workspace* workspace) {
  workspace->bounds.Enter(from.sp);
  const bool may_reuse = is_reusable_ && epoch_ == epoch;
  epoch_ = epoch;
  Outcome outcome = WalkOn(from, may_reuse ? count_ : 0, depth, workspace);
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
  Root root = Root::kStart;
  while (frame.pc != 0) {
    if (const size_t same = Meet(frame, &kept); same != 0) {
      const bool is_too_short = root_ == Root::kCut && same + added < depth;
      if (is_too_short || same + added > kMost) return Outcome::kTooShort;
      Append(same, added, root_, stack.is_elsewhere());
      return Outcome::kDone;
    }
    if (added == most) {
      root = Root::kCut;
      break;
    }
    added_[added] = {frame, {}};
    const PackedRule rule = rule_table::Find(frame.pc, epoch_, workspace);
    const bool is_agent = added == 0 && modules::IsAgent(frame.pc);
    StepWords* words = &added_[added].words;
    if (!is_agent) ++added;
    if (rule.kind() == Rule::kWhole) [[unlikely]]
      return Outcome::kNeedsWhole;
    if (rule.kind() == Rule::kEnd) break;
    if (rule.kind() == Rule::kNone || !StepOut(rule, &stack, &frame, words)) {
      root = Root::kTruncated;
      break;
    }
    // The word that says where the stack ends has no frame of its own.
    if (frame.pc == 0) words->cfa = {frame.sp - 8, 0};
  }
  Append(0, added, root, stack.is_elsewhere());
  return Outcome::kDone;
}

size_t Spine::Meet(const FrameState& frame, size_t* kept) const {
  size_t top = *kept;
  while (top > 0 && sp_[top - 1] < frame.sp) --top;
  *kept = top;
  if (top == 0 || sp_[top - 1] != frame.sp || pc_[top - 1] != frame.pc ||
      rbp_[top - 1] != frame.rbp) {
    return 0;
  }
  if (IsUnchangedOutwardFrom(top - 1)) [[likely]]
    return top;
  *kept = FirstChanged(top - 1);
  return 0;
}

// Without branches: the loads do not depend on each other.
PERFAGENT_READS_OLD_FRAMES bool Spine::IsUnchangedOutwardFrom(size_t frame) const {
  uint64_t difference = 0;
  for (size_t i = 0; i < frame; ++i) difference |= Word(sp_[i] - 8) ^ pc_[i];
  const size_t words = words_upto_[frame];
  for (size_t i = 0; i < words; ++i) difference |= Word(word_address_[i]) ^ word_value_[i];
  return difference == 0;
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
  count_ = static_cast<uint32_t>(kept);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  root_ = root;
  size_t frame = kept;
  for (size_t i = added; i-- > 0;) Push(frame++, added_[i]);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  count_ = static_cast<uint32_t>(frame);
}

void Spine::Push(size_t frame, const NewFrame& added) {
  const FrameState& state = added.state;
  pc_[frame] = state.pc;
  sp_[frame] = state.sp;
  rbp_[frame] = state.rbp;
  uint32_t words = frame != 0 ? words_upto_[frame - 1] : 0;
  for (const StackWord& word : {added.words.rbp, added.words.cfa}) {
    word_address_[words] = word.address;
    word_value_[words] = word.value;
    words += word.address != 0;
  }
  words_upto_[frame] = words;
  const uint64_t root = epoch_ * 2 + is_truncated();
  hash_[frame] = Extend(frame != 0 ? hash_[frame - 1] : root, state.pc);
  id_[frame] = 0;
}

void Spine::Set(const uint64_t* pcs, const whole_walk::Walk& walk, uint64_t epoch) {
  epoch_ = epoch;
  for (size_t i = 0; i < walk.count; ++i) added_[i] = {{pcs[i], 0, 0}, {}};
  Append(0, walk.count, walk.truncated ? Root::kTruncated : Root::kStart, true);
}

}  // namespace perfagent
