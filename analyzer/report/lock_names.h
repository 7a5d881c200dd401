// lock_names.h: what a lock is called, and how that is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "analyzer/model/lock_homes.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {

// On the stack of a thread, as far as that is known.
struct StackHome {
  uint64_t tid = 0;
  const SourceFrame* frame = nullptr;  // of the function in whose frame it lies; null: not known
};
std::optional<StackHome> StackHomeOf(const Lock& lock, StackNames* names);

// In a mapping that processes share; null when it is not known to be in one.
const MappedFile* FileOf(const Lock& lock, const StackNames& names);

// "8:1", as in /proc/PID/maps but decimal.
std::string DeviceText(uint64_t device);

// The lock's name: who allocated its block, with its offset there ("MakeCache()+0x40"), or the function in whose frame it
// lies, or at least the thread, or the shared file with its offset there, or its static object, or its address and the
// function that waited for it first.
std::string LockName(const Lock& lock, StackNames* names);

// What the like lock of another process is called, too: without addresses and thread ids, which are the process's own.
std::string SharedLockName(const Lock& lock, StackNames* names);

// Which of these: "allocation", "frame", "thread_stack", "mapping", "symbol" or "first_wait".
const char* LockNamedBy(const Lock& lock, StackNames* names);

}  // namespace perfagent
