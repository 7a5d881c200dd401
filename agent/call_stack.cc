#include "agent/call_stack.h"

#include "agent/config.h"
#include "agent/modules.h"
#include "agent/stack_table.h"
#include "agent/unwind/rule_walk.h"
#include "agent/walk_observer.h"

namespace perfagent::call_stack {

namespace {

whole_walk::Walk WalkStack(Stream* stream, const whole_walk::Registers& registers) {
  whole_walk::Walk walk;
  if (rule_walk::Run(registers, modules::Epoch(), &stream->unwind, stream->pcs, config.depth,
                     &walk)) {
    return walk;
  }
  return whole_walk::Run(registers, &stream->unwind, stream->pcs, config.depth);
}

uint64_t Define(Stream* stream, size_t count, uint64_t epoch, bool truncated) {
  for (size_t i = 0; i < count; ++i) modules::Note(stream, stream->pcs[i] - 1);
  const uint64_t id = stack_table::NewId();
  const StackRecord record = {id, epoch, truncated ? kStackTruncated : 0, count, stream->pcs, {}};
  return stream->PutSized(record, MaxStackRecord(count)) ? id : 0;
}

}  // namespace

uint64_t Take(Stream* stream, const whole_walk::Registers& registers) {
  const whole_walk::Walk walk = WalkStack(stream, registers);
  ObserveWalk(stream->pcs, walk.count, walk.truncated);
  if (walk.count == 0) {
    counters::Add(Loss::kNoStack);
    return 0;
  }
  // After the walk: an object unloaded meanwhile cannot have been in it.
  const uint64_t epoch = modules::Epoch();
  const uint64_t hash = stack_table::Hash(stream->pcs, walk.count, epoch, walk.truncated);
  if (const uint64_t known = stack_table::Find(hash)) return known;
  const uint64_t id = Define(stream, walk.count, epoch, walk.truncated);
  if (id != 0) stack_table::Insert(hash, id);
  return id;
}

}  // namespace perfagent::call_stack
