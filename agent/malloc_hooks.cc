// malloc_hooks.cc: the malloc family.
//
// Each hook is one test and a jump to the real function. Everything interesting is in record_heap, out of line.
// malloc_usable_size is not hooked: the guest's blocks are the real allocator's.

#include <cerrno>

#include "agent/export.h"
#include "agent/live_filter.h"
#include "agent/real.h"
#include "agent/record_heap.h"
#include "agent/thread_state.h"

namespace perfagent {

namespace {

// The allocation `call` of `size` bytes, after its countdown ended.
template <HeapApi kApi, typename Call>
[[gnu::noinline]] void* RecordedAllocation(size_t size, Call call) {
  const HookFrame hook = HookFrame::Here();
  const heap::Timing timing = heap::BeginAllocation();
  void* block = call();
  if (block != nullptr) heap::RecordAlloc(kApi, block, size, hook, timing);
  return block;
}

// An overflowing product comes here, too: the real calloc refuses it.
[[gnu::noinline]] void* RecordedCalloc(size_t count, size_t size) {
  const HookFrame hook = HookFrame::Here();
  const heap::Timing timing = heap::BeginAllocation();
  void* block = real::calloc(count, size);
  if (block != nullptr) heap::RecordAlloc(HeapApi::kCalloc, block, count * size, hook, timing);
  return block;
}

template <HeapApi kApi, typename Call>
[[gnu::always_inline]] inline void* Allocation(size_t size, Call call) {
  if (thread_state.Spend(size)) [[likely]]
    return call();
  return RecordedAllocation<kApi>(size, call);
}

[[gnu::noinline]] int RecordedPosixMemalign(void** out, size_t alignment, size_t size) {
  const heap::Timing timing = heap::BeginAllocation();
  const int result = real::posix_memalign(out, alignment, size);
  if (result == 0 && *out != nullptr)
    heap::RecordAlloc(HeapApi::kPosixMemalign, *out, size, HookFrame::Here(), timing);
  return result;
}

// The free `call` of a block that may be tracked. Recorded first: afterwards another thread may own the address.
template <HeapApi kApi, typename Call>
[[gnu::noinline]] void RecordedFree(void* block, Call call) {
  const HookFrame hook = HookFrame::Here();
  heap::Timing timing;
  if (block != nullptr) timing = heap::RecordFree(kApi, block, hook);
  call();
  if (timing.begin != 0) heap::EndFree(kApi, timing, hook);
}

template <HeapApi kApi, typename Call>
[[gnu::always_inline]] inline void Free(void* block, Call call) {
  if (live_filter::MayHold(block)) [[unlikely]]
    return RecordedFree<kApi>(block, call);
  call();
}

[[gnu::noinline]] void* RecordedRealloc(HeapApi api, void* block, size_t size) {
  const heap::ReallocClaim claim = heap::ClaimForRealloc(block);
  void* moved = real::realloc(block, size);
  // glibc's realloc(p, 0) frees and returns null; any other null leaves the block as it was.
  const bool freed = moved == nullptr && size == 0 && block != nullptr;
  if (moved != nullptr || freed) {
    heap::RecordRealloc(api, claim, block, moved, size, HookFrame::Here());
  } else {
    heap::RestoreAfterRealloc(claim, block);
  }
  return moved;
}

// Where there is no free with a size.
void PlainFree(void* block) {
  real::Resolve();
  (real::free_of_program != nullptr ? real::free_of_program : real::free)(block);
}

}  // namespace

extern "C" {

PERFAGENT_EXPORT void* malloc(size_t size) noexcept {
  return Allocation<HeapApi::kMalloc>(size, [=] { return real::malloc(size); });
}

PERFAGENT_EXPORT void* calloc(size_t count, size_t size) noexcept {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || !thread_state.Spend(bytes)) [[unlikely]] {
    return RecordedCalloc(count, size);
  }
  return real::calloc(count, size);
}

PERFAGENT_EXPORT void free(void* block) noexcept {
  Free<HeapApi::kFree>(block, [=] { real::free(block); });
}

PERFAGENT_EXPORT void* realloc(void* block, size_t size) noexcept {
  if (!live_filter::MayHold(block) && thread_state.Spend(size)) [[likely]] {
    return real::realloc(block, size);
  }
  return RecordedRealloc(HeapApi::kRealloc, block, size);
}

// libc's own reallocarray calls realloc by name, which would arrive here a second time.
PERFAGENT_EXPORT void* reallocarray(void* block, size_t count, size_t size) noexcept {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  real::Resolve();
  if (real::realloc_of_program != nullptr) return real::realloc_of_program(block, bytes);
  return RecordedRealloc(HeapApi::kReallocArray, block, bytes);
}

PERFAGENT_EXPORT void* memalign(size_t alignment, size_t size) noexcept {
  return Allocation<HeapApi::kMemalign>(size, [=] { return real::memalign(alignment, size); });
}

PERFAGENT_EXPORT void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return Allocation<HeapApi::kAlignedAlloc>(size,
                                            [=] { return real::aligned_alloc(alignment, size); });
}

PERFAGENT_EXPORT int posix_memalign(void** out, size_t alignment, size_t size) noexcept {
  if (thread_state.Spend(size)) [[likely]]
    return real::posix_memalign(out, alignment, size);
  return RecordedPosixMemalign(out, alignment, size);
}

PERFAGENT_EXPORT void* valloc(size_t size) noexcept {
  return Allocation<HeapApi::kValloc>(size, [=] { return real::valloc(size); });
}

PERFAGENT_EXPORT void* pvalloc(size_t size) noexcept {
  return Allocation<HeapApi::kPvalloc>(size, [=] { return real::pvalloc(size); });
}

// C23. A library without them (glibc before 2.43) gets the call as free, which is what they mean.
PERFAGENT_EXPORT void free_sized(void* block, size_t size) noexcept {
  Free<HeapApi::kFreeSized>(block, [=] {
    if (real::free_sized != nullptr) return real::free_sized(block, size);
    PlainFree(block);
  });
}

PERFAGENT_EXPORT void free_aligned_sized(void* block, size_t alignment, size_t size) noexcept {
  Free<HeapApi::kFreeAlignedSized>(block, [=] {
    if (real::free_aligned_sized != nullptr) {
      return real::free_aligned_sized(block, alignment, size);
    }
    PlainFree(block);
  });
}

}  // extern "C"

}  // namespace perfagent
