#include "agent/call_stack.h"

#include "agent/config.h"
#include "agent/modules.h"
#include "agent/stack_table.h"
#include "agent/walk_observer.h"

namespace perfagent::call_stack {

namespace {

// Apart: registers are captured for it, which costs those who do not need it.
[[gnu::noinline]] void WalkWhole(Stream* stream, uint64_t epoch) {
  const whole_walk::Walk walk =
      whole_walk::Run(whole_walk::Capture(), &stream->unwind, stream->pcs, config.depth);
  stream->spine.Set(stream->pcs, walk, epoch);
  stream->CountWholeWalk(walk.count);
}

void WalkStack(Stream* stream, const FrameState& from, uint64_t epoch) {
  if (!stream->spine.Walk(from, epoch, config.depth, &stream->unwind)) [[unlikely]]
    WalkWhole(stream, epoch);
}

uint64_t KeyAt(const Spine& spine, size_t frame) { return stack_table::KeyOf(spine.hash(frame)); }

// The id of the stack that ends at `frame`; 0 when it is not defined.
uint64_t IdAt(Spine* spine, size_t frame) {
  uint64_t& id = spine->id(frame);
  if (id == 0) id = stack_table::Find(KeyAt(*spine, frame));
  return id;
}

// A table of megabytes: its cache misses are better taken together.
void PrefetchNew(Spine* spine) {
  constexpr size_t kMost = 8;
  for (size_t i = 0, frame = spine->count(); i < kMost && frame-- > 0 && spine->id(frame) == 0; ++i)
    stack_table::Prefetch(KeyAt(*spine, frame));
}

// Defines what is new of the stack: every part of it that begins at the outermost frame becomes a stack of its own.
bool Define(Stream* stream) {
  Spine& spine = stream->spine;
  const size_t count = spine.count();
  size_t first = count - 1;
  while (first > 0 && IdAt(&spine, first - 1) == 0) --first;
  const uint64_t* pcs = spine.pcs() + first;
  for (size_t i = 0; i < count - first; ++i) modules::Note(stream, pcs[i] - 1);
  const uint64_t id = stack_table::NewIds(count - first);
  const StackRecord record = {.first_id = id,
                              .parent = first != 0 ? spine.id(first - 1) : 0,
                              .epoch = spine.epoch(),
                              .flags = spine.is_truncated() ? kStackTruncated : 0,
                              .count = count - first,
                              .pcs = pcs};
  if (!stream->PutSized(record, MaxStackRecord(count - first))) return false;
  for (size_t frame = first; frame < count; ++frame) {
    spine.id(frame) = id + frame - first;
    stack_table::Insert(KeyAt(spine, frame), spine.id(frame));
  }
  return true;
}

uint64_t TakeByWalk(Stream* stream, const FrameState& from, uint64_t epoch) {
  WalkStack(stream, from, epoch);
  Spine& spine = stream->spine;
  ObserveWalk(spine.pcs(), spine.count(), spine.is_truncated());
  if (spine.count() == 0) {
    counters::Add(Loss::kNoStack);
    return 0;
  }
  const size_t leaf = spine.count() - 1;
  if (const uint64_t known = spine.id(leaf)) return known;
  const uint64_t key = KeyAt(spine, leaf);
  spine.id(leaf) = stream->stacks.Find(key);
  if (const uint64_t known = spine.id(leaf)) return known;
  PrefetchNew(&spine);
  if (IdAt(&spine, leaf) == 0 && !Define(stream)) return 0;
  stream->stacks.Keep(key, spine.id(leaf));
  return spine.id(leaf);
}

}  // namespace

// A frame's part of the stack ends where its caller's begins. Of the outermost one nobody knows where that is: there may be
// thread-local variables behind it.
uint64_t TakeUpTo(Stream* stream, const FrameState& caller, uint64_t address) {
  const uint64_t epoch = modules::Epoch();
  StackBounds& bounds = stream->unwind.bounds;
  bounds.Enter(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  // Walked, and not recognized: only then the spine has all frames.
  if (TakeByWalk(stream, caller, epoch) == 0) return 0;
  Spine& spine = stream->spine;
  for (size_t frame = 1; frame < spine.count(); ++frame) {
    const uint64_t begin = spine.state(frame).sp, end = spine.state(frame - 1).sp;
    // Of a fiber's stack, which goes on in the thread's, one of these is elsewhere.
    if (address < begin || address >= end || !bounds.range().Contains(begin)) continue;
    return bounds.range().Contains(end) ? IdAt(&spine, frame) : 0;
  }
  return 0;
}

uint64_t Take(Stream* stream) {
  const whole_walk::Registers here = whole_walk::Capture();
  return Take(stream, {here.rip, here.rsp, here.rbp});
}

uint64_t Take(Stream* stream, const FrameState& caller) {
  const uint64_t epoch = modules::Epoch();
  Spine& spine = stream->spine;
  // From here, not from the guest's frame: what lies between is the agent's, and AgentScope asks whether it is on this stack.
  stream->unwind.bounds.Enter(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  const StackMemo::Known* known =
      stream->memo.Find(caller, epoch, spine, stream->unwind.bounds.range());
  if (known != nullptr) {
    ObserveRecognized(caller, epoch, known->hash, &stream->unwind);
    return known->id;
  }
  const uint64_t id = TakeByWalk(stream, caller, epoch);
  if (id != 0) stream->memo.Keep(caller, spine, id);
  return id;
}

}  // namespace perfagent::call_stack
