#include "agent/unwind/stack_memo.h"

#include <atomic>

#include "agent/unwind/words.h"

namespace perfagent {

const StackMemo::Known* StackMemo::Find(const FrameState& from, uint64_t epoch, const Spine& spine,
                                        const StackBounds::Range& readable) const {
  const Entry& entry = entries_[IndexOf(from)];
  if (!BeginsAt(entry, from) || entry.epoch != epoch) return nullptr;
  // All words of the entry lie between the two.
  if (!readable.Contains(from.sp) || !readable.Contains(entry.join.sp - 8)) return nullptr;
  if (!spine.Had(entry.join_index, entry.join, entry.join_hash, epoch, readable)) return nullptr;
  if (Difference<0>(entry.address, entry.value, entry.words) != 0) return nullptr;
  return spine.IsUnchangedOutwardFrom(entry.join_index) ? &entry.known : nullptr;
}

void StackMemo::Keep(const FrameState& from, const Spine& spine, uint64_t id) {
  const size_t leaf = spine.count() - 1, joined = spine.joined();
  if (joined == 0 || joined > leaf || !(spine.state(leaf) == from)) return;
  const Spine::Words words = spine.WordsBetween(joined - 1, leaf);
  if (words.count + leaf - joined + 1 > kMostWords) return;
  Entry& entry = entries_[IndexOf(from)];
  entry.from.pc = 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  entry.epoch = spine.epoch();
  entry.join = spine.state(joined - 1);
  entry.join_hash = spine.hash(joined - 1);
  entry.join_index = static_cast<uint32_t>(joined - 1);
  entry.known = {spine.hash(leaf), id};
  entry.words = 0;
  bool is_between = true;
  const auto add = [&](uint64_t address, uint64_t value) {
    is_between = is_between && address >= from.sp && address < entry.join.sp;
    entry.address[entry.words] = address;
    entry.value[entry.words++] = value;
  };
  // A frame's return address lies right below its caller's frame.
  for (size_t frame = joined; frame <= leaf; ++frame)
    add(spine.state(frame - 1).sp - 8, spine.state(frame - 1).pc);
  for (size_t i = 0; i < words.count; ++i) add(words.address[i], words.value[i]);
  if (!is_between) return;
  entry.from.sp = from.sp;
  entry.from.rbp = from.rbp;
  entry.needs_rbp = spine.NeedsRbp(leaf);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  entry.from.pc = from.pc;
}

}  // namespace perfagent
