#include "agent/real.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>
#include <initializer_list>

#include "agent/thread_state.h"

namespace perfagent::real {

namespace {

// While dlsym runs for the first time it may itself allocate: served from here, never given back.
constexpr size_t kArenaBytes = 32 << 10;
constexpr size_t kArenaAlign = 16;
alignas(kArenaAlign) unsigned char arena[kArenaBytes];
size_t arena_used = 0;
bool resolving = false;
bool resolved = false;

// Each arena block is preceded by its size, for realloc.
void* ArenaAllocate(size_t size) {
  if (size > kArenaBytes) return nullptr;
  const size_t rounded = (size + kArenaAlign - 1) & ~(kArenaAlign - 1);
  if (arena_used + kArenaAlign + rounded > kArenaBytes) return nullptr;
  unsigned char* head = arena + arena_used;
  arena_used += kArenaAlign + rounded;
  memcpy(head, &size, sizeof size);
  return head + kArenaAlign;
}

bool InArena(const void* block) {
  return reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(arena) < kArenaBytes;
}

void* ArenaReallocate(void* block, size_t size) {
  void* fresh = resolving ? ArenaAllocate(size) : malloc(size);
  if (fresh == nullptr || block == nullptr) return fresh;
  size_t old_size;
  memcpy(&old_size, static_cast<unsigned char*>(block) - kArenaAlign, sizeof old_size);
  return memcpy(fresh, block, old_size < size ? old_size : size);
}

// Stand in for the next free and realloc when the arena was used: its blocks may come back at any time.
void (*next_free)(void*);
void* (*next_realloc)(void*, size_t);
void FreeOutsideArena(void* block) {
  if (!InArena(block)) next_free(block);
}
void* ReallocOutsideArena(void* block, size_t size) {
  return InArena(block) ? ArenaReallocate(block, size) : next_realloc(block, size);
}

void* StubMalloc(size_t size) {
  if (resolving) return ArenaAllocate(size);
  Resolve();
  return malloc(size);
}
void* StubCalloc(size_t count, size_t size) {
  size_t bytes;
  if (resolving)
    return __builtin_mul_overflow(count, size, &bytes) ? nullptr : ArenaAllocate(bytes);
  Resolve();
  return calloc(count, size);
}
void* StubRealloc(void* block, size_t size) {
  if (resolving) return ArenaReallocate(block, size);
  Resolve();
  return realloc(block, size);
}
void StubFree(void* block) {
  if (resolving) return;
  Resolve();
  free(block);
}

#define PERFAGENT_STUB(name, result, parameters, arguments) \
  result Stub_##name parameters {                           \
    Resolve();                                              \
    return name arguments;                                  \
  }
PERFAGENT_REAL_OTHERS(PERFAGENT_STUB)
PERFAGENT_REAL_CONDITIONS(PERFAGENT_STUB)
#undef PERFAGENT_STUB

// A failed dlsym leaves a message for the guest's next dlerror; taking it keeps the guest's view clean.
void* Probe(void* scope, const char* name) {
  void* found = dlsym(scope, name);
  if (found == nullptr) dlerror();
  return found;
}

template <typename Function>
void Find(const char* name, Function* out) {
  if (void* found = Probe(RTLD_NEXT, name)) *out = reinterpret_cast<Function>(found);
}

// The version of 2002, which programs mean since.
template <typename Function>
void FindCondition(const char* name, Function* out) {
  if (void* found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2")) {
    *out = reinterpret_cast<Function>(found);
  } else {
    dlerror();
  }
}

struct link_map* MapOf(const void* address) {
  dl_find_object found;
  if (_dl_find_object(const_cast<void*>(address), &found) != 0) return nullptr;
  return found.dlfo_link_map;
}

// glibc has every name that this is asked for, so no look-up fails.
template <typename Function>
void FindOfProgram(const char* name, Function* out) {
  void* found = dlsym(RTLD_DEFAULT, name);
  const struct link_map* own = MapOf(reinterpret_cast<const void*>(&Resolve));
  if (MapOf(found) != own) *out = reinterpret_cast<Function>(found);
}

constexpr const char* kNewNames[] = {
#define PERFAGENT_OPERATOR_NAME(symbol, api) #symbol,
    PERFAGENT_NEW_OPERATORS(PERFAGENT_OPERATOR_NAME)};
constexpr const char* kDeleteNames[] = {PERFAGENT_DELETE_OPERATORS(PERFAGENT_OPERATOR_NAME)};
#undef PERFAGENT_OPERATOR_NAME

void* LateOperator(const char* name, void* caller) {
  // glibc's handles are its link maps, so the caller's own scope can be searched.
  if (struct link_map* map = MapOf(caller)) {
    if (void* found = Probe(map, name)) return found;
  }
  for (const char* runtime : {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"}) {
    // The handle is kept: the runtime must not go away under the pointer that is now in use.
    if (void* handle = dlopen(runtime, RTLD_NOLOAD | RTLD_LAZY)) {
      if (void* found = Probe(handle, name)) return found;
    } else {
      dlerror();
    }
  }
  return nullptr;
}

}  // namespace

void* (*malloc)(size_t) = StubMalloc;
void (*free)(void*) = StubFree;
void* (*calloc)(size_t, size_t) = StubCalloc;
void* (*realloc)(void*, size_t) = StubRealloc;
#define PERFAGENT_REAL_POINTER(name, result, parameters, arguments) \
  result(*name) parameters = Stub_##name;
PERFAGENT_REAL_OTHERS(PERFAGENT_REAL_POINTER)
PERFAGENT_REAL_CONDITIONS(PERFAGENT_REAL_POINTER)
#undef PERFAGENT_REAL_POINTER
void (*free_of_program)(void*) = nullptr;
void* (*realloc_of_program)(void*, size_t) = nullptr;
void (*free_sized)(void*, size_t) = nullptr;
size_t (*usable_size)(void*) = nullptr;
void (*free_aligned_sized)(void*, size_t, size_t) = nullptr;

void Resolve() {
  if (resolved || resolving) return;
  resolving = true;
  // All found before any is installed: dlsym meets either all stubs or all real functions.
#define PERFAGENT_FIND(name, result, parameters, arguments) \
  result(*found_##name) parameters = name;                  \
  Find(#name, &found_##name);
  PERFAGENT_REAL_BASICS(PERFAGENT_FIND)
  PERFAGENT_REAL_OTHERS(PERFAGENT_FIND)
#undef PERFAGENT_FIND
#define PERFAGENT_FIND_CONDITION(name, result, parameters, arguments) \
  result(*found_##name) parameters = name;                            \
  FindCondition(#name, &found_##name);
  PERFAGENT_REAL_CONDITIONS(PERFAGENT_FIND_CONDITION)
#undef PERFAGENT_FIND_CONDITION
#define PERFAGENT_INSTALL(name, result, parameters, arguments) name = found_##name;
  PERFAGENT_REAL_BASICS(PERFAGENT_INSTALL)
  PERFAGENT_REAL_OTHERS(PERFAGENT_INSTALL)
  PERFAGENT_REAL_CONDITIONS(PERFAGENT_INSTALL)
#undef PERFAGENT_INSTALL
  if (arena_used != 0) {
    next_free = free;
    next_realloc = realloc;
    free = FreeOutsideArena;
    realloc = ReallocOutsideArena;
  }
  FindOfProgram("free", &free_of_program);
  FindOfProgram("realloc", &realloc_of_program);
  resolving = false;
  resolved = true;
}

void ResolveOptional() {
  Find("free_sized", &free_sized);
  Find("free_aligned_sized", &free_aligned_sized);
  Find("malloc_usable_size", &usable_size);
  if (usable_size != nullptr && !BesideMalloc(reinterpret_cast<const void*>(usable_size)))
    usable_size = nullptr;
}

NewFunction NextNew(NewOperator which) {
  return reinterpret_cast<NewFunction>(Probe(RTLD_NEXT, kNewNames[which]));
}
DeleteFunction NextDelete(DeleteOperator which) {
  return reinterpret_cast<DeleteFunction>(Probe(RTLD_NEXT, kDeleteNames[which]));
}
NewFunction LateNew(NewOperator which, void* caller) {
  return reinterpret_cast<NewFunction>(LateOperator(kNewNames[which], caller));
}
DeleteFunction LateDelete(DeleteOperator which, void* caller) {
  return reinterpret_cast<DeleteFunction>(LateOperator(kDeleteNames[which], caller));
}

const char* AllocatorPath() {
  const struct link_map* map = MapOf(reinterpret_cast<const void*>(malloc));
  return map != nullptr ? map->l_name : nullptr;
}

const char* BypassPath() {
  void* (*malloc_of_program)(size_t) = nullptr;
  FindOfProgram("malloc", &malloc_of_program);
  if (malloc_of_program == nullptr || free_of_program == nullptr) return nullptr;
  // A preloaded tool that wraps malloc asks the next one, which is the agent's.
  ThreadState& t = thread_state;
  const ThreadState before = t;
  t.bytes_left = kNever;
  free_of_program(malloc_of_program(1));
  const bool asked = t.bytes_left != kNever;
  t.bytes_left = before.bytes_left;
  if (asked) return nullptr;
  return MapOf(reinterpret_cast<const void*>(malloc_of_program))->l_name;
}

bool BesideMalloc(const void* function) {
  struct link_map* map = MapOf(function);
  return map != nullptr && map == MapOf(reinterpret_cast<const void*>(malloc));
}

}  // namespace perfagent::real
