#include "analyzer/model/futex_locks.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <tuple>

#include "analyzer/model/lock_merge.h"

namespace perfagent {
namespace {

// Both are in the function's name, in this order.
struct LockFunction {
  const char* scope;
  const char* name;
};
constexpr LockFunction kLockFunctions[] = {
    {"std::sys", "lock_contended"},  // Rust's Mutex and RwLock
    {"std::sys", "read_contended"},         {"std::sys", "write_contended"},
    {"absl::", "Mutex::LockSlow"},          {"parking_lot::raw_mutex", "lock_slow"},
    {"parking_lot::raw_rwlock", "_slow"},   {"folly::SharedMutexImpl", "::lock"},
    {"folly::MicroLock", "::lockSlowPath"}, {"", "__cxa_guard_acquire"},
    {"", "g_mutex_lock_slowpath"},
};

constexpr const char* kPerThreadScope = "absl::";
// It waits for a condition, and calls LockSlow to do so.
constexpr const char* kConditionalLock = "LockWhen";

bool IsPerThread(const std::string& function) {
  return function.find(kPerThreadScope) != std::string::npos && IsLockFunction(function);
}

template <typename Predicate>
bool AnyFrame(StackNames* names, StackId stack, Predicate predicate) {
  const std::vector<const SourceFrame*> frames = names->Frames(stack);
  return std::any_of(frames.begin(), frames.end(),
                     [&](const SourceFrame* frame) { return predicate(frame->function); });
}

bool IsLockWait(StackNames* names, StackId stack) {
  return AnyFrame(names, stack, IsLockFunction) &&
         !AnyFrame(names, stack, [](const std::string& function) {
           return function.find(kConditionalLock) != std::string::npos;
         });
}

bool IsMostlyLocked(StackNames* names, const Lock& lock) {
  double locked_ns = 0;
  double all_ns = 0;
  for (const LockWaits& waits : lock.waits) {
    all_ns += waits.wait_ns.value();
    if (IsLockWait(names, waits.stack)) locked_ns += waits.wait_ns.value();
  }
  return locked_ns > all_ns / 2;
}

// `other` is left without waits.
void MoveInto(Lock* other, Lock* lock) {
  Merge(*other, lock);
  *other = {.address = other->address,
            .kind = other->kind,
            .generation = other->generation,
            .first_wait = other->first_wait};
}

}  // namespace

bool IsLockFunction(const std::string& function) {
  return std::any_of(
      std::begin(kLockFunctions), std::end(kLockFunctions), [&](const LockFunction& known) {
        const size_t scope = function.find(known.scope);
        return scope != std::string::npos && function.find(known.name, scope) != std::string::npos;
      });
}

void FindFutexLocks(StackNames* names, LockProfile* locks) {
  // By the place that waited first: function, file and line.
  std::map<std::tuple<std::string, std::string, int64_t>, Lock*> per_thread;
  for (Lock& lock : locks->locks) {
    if (lock.kind != LockKind::kFutex) continue;
    if (!IsMostlyLocked(names, lock)) continue;
    lock.is_lock = true;
    const SourceFrame* place = names->Headline(lock.first_wait);
    if (place == nullptr || !AnyFrame(names, lock.first_wait, IsPerThread)) continue;
    lock.allocation.reset();  // the block is the thread's
    const auto [found, is_first] =
        per_thread.try_emplace({place->function, place->file, place->line}, &lock);
    if (!is_first) MoveInto(&lock, found->second);
  }
  locks->SumLocks();
}

}  // namespace perfagent
