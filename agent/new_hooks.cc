#include "agent/new_hooks.h"

#include <atomic>

#include "agent/agent_scope.h"
#include "agent/export.h"
#include "agent/live_filter.h"
#include "agent/real.h"
#include "agent/record_heap.h"

namespace perfagent {

namespace {

using real::DeleteFunction;
using real::NewFunction;

// Where each exported operator jumps to: the next definition, or a function below that records around it, or, while no
// C++ runtime was seen, a function that looks again.
extern std::atomic<NewFunction> new_entry[real::kNewOperatorCount];
extern std::atomic<DeleteFunction> delete_entry[real::kDeleteOperatorCount];

// The next definition, for those that record around it.
NewFunction next_new[real::kNewOperatorCount];
DeleteFunction next_delete[real::kDeleteOperatorCount];

constexpr HeapApi kNewApis[] = {
#define PERFAGENT_OPERATOR_API(symbol, api) HeapApi::api,
    PERFAGENT_NEW_OPERATORS(PERFAGENT_OPERATOR_API)};
constexpr HeapApi kDeleteApis[] = {PERFAGENT_DELETE_OPERATORS(PERFAGENT_OPERATOR_API)};
#undef PERFAGENT_OPERATOR_API

// An exception (bad_alloc) may pass through; nothing here needs to run then: an abandoned guard is taken over.
template <unsigned kWhich>
void* RecordedNew(size_t size, uintptr_t second, uintptr_t third) {
  if (thread_state.Spend(size)) return next_new[kWhich](size, second, third);
  const heap::Timing timing = heap::BeginAllocation();
  void* block;
  {
    AgentScope nested(
        AgentScope::kQuiet);  // should it call malloc after all, that is this allocation
    block = next_new[kWhich](size, second, third);
    nested.KeepErrno();
  }
  if (block != nullptr) heap::RecordAlloc(kNewApis[kWhich], block, size, HookFrame::Here(), timing);
  return block;
}

template <unsigned kWhich>
void RecordedDelete(void* block, uintptr_t second, uintptr_t third) {
  heap::Timing timing;
  if (block != nullptr && live_filter::MayHold(block))
    timing = heap::RecordFree(kDeleteApis[kWhich], block, HookFrame::Here());
  {
    AgentScope nested(AgentScope::kQuiet);
    next_delete[kWhich](block, second, third);
  }
  if (timing.begin != 0) heap::EndFree(kDeleteApis[kWhich], timing, HookFrame::Here());
}

// Called before Bind, or in a C program that loaded a C++ library later: then the runtime's operators are built on
// malloc and free, and nothing is recorded here.
template <unsigned kWhich>
void* LateNew(size_t size, uintptr_t second, uintptr_t third) {
  const auto which = static_cast<real::NewOperator>(kWhich);
  if (NewFunction usual = real::NextNew(which)) return usual(size, second, third);
  NewFunction next = real::LateNew(which, __builtin_return_address(0));
  if (next == nullptr) return real::malloc(size);
  new_entry[kWhich].store(next);
  return next(size, second, third);
}
template <unsigned kWhich>
void LateDelete(void* block, uintptr_t second, uintptr_t third) {
  const auto which = static_cast<real::DeleteOperator>(kWhich);
  if (DeleteFunction usual = real::NextDelete(which)) return usual(block, second, third);
  DeleteFunction next = real::LateDelete(which, __builtin_return_address(0));
  if (next == nullptr) return real::free(block);
  delete_entry[kWhich].store(next);
  next(block, second, third);
}

constinit std::atomic<NewFunction> new_entry[] = {
#define PERFAGENT_LATE_NEW(symbol, api) LateNew<real::k##symbol>,
    PERFAGENT_NEW_OPERATORS(PERFAGENT_LATE_NEW)
#undef PERFAGENT_LATE_NEW
};
constinit std::atomic<DeleteFunction> delete_entry[] = {
#define PERFAGENT_LATE_DELETE(symbol, api) LateDelete<real::k##symbol>,
    PERFAGENT_DELETE_OPERATORS(PERFAGENT_LATE_DELETE)
#undef PERFAGENT_LATE_DELETE
};

constexpr NewFunction kRecordedNew[] = {
#define PERFAGENT_RECORDED_NEW(symbol, api) RecordedNew<real::k##symbol>,
    PERFAGENT_NEW_OPERATORS(PERFAGENT_RECORDED_NEW)
#undef PERFAGENT_RECORDED_NEW
};
constexpr DeleteFunction kRecordedDelete[] = {
#define PERFAGENT_RECORDED_DELETE(symbol, api) RecordedDelete<real::k##symbol>,
    PERFAGENT_DELETE_OPERATORS(PERFAGENT_RECORDED_DELETE)
#undef PERFAGENT_RECORDED_DELETE
};

}  // namespace

namespace new_hooks {

void Bind() {
  for (unsigned i = 0; i < real::kNewOperatorCount; ++i) {
    next_new[i] = real::NextNew(static_cast<real::NewOperator>(i));
    if (next_new[i] == nullptr) continue;
    const bool own_path = real::BesideMalloc(reinterpret_cast<const void*>(next_new[i]));
    new_entry[i].store(own_path ? kRecordedNew[i] : next_new[i]);
  }
  for (unsigned i = 0; i < real::kDeleteOperatorCount; ++i) {
    next_delete[i] = real::NextDelete(static_cast<real::DeleteOperator>(i));
    if (next_delete[i] == nullptr) continue;
    const bool own_path = real::BesideMalloc(reinterpret_cast<const void*>(next_delete[i]));
    delete_entry[i].store(own_path ? kRecordedDelete[i] : next_delete[i]);
  }
}

}  // namespace new_hooks

extern "C" {

#define PERFAGENT_NEW_HOOK(symbol, api)                                                     \
  PERFAGENT_EXPORT void* symbol(size_t size, uintptr_t second, uintptr_t third) {           \
    return new_entry[real::k##symbol].load(std::memory_order_relaxed)(size, second, third); \
  }
PERFAGENT_NEW_OPERATORS(PERFAGENT_NEW_HOOK)

#define PERFAGENT_DELETE_HOOK(symbol, api)                                               \
  PERFAGENT_EXPORT void symbol(void* block, uintptr_t second, uintptr_t third) {         \
    delete_entry[real::k##symbol].load(std::memory_order_relaxed)(block, second, third); \
  }
PERFAGENT_DELETE_OPERATORS(PERFAGENT_DELETE_HOOK)

}  // extern "C"

}  // namespace perfagent
