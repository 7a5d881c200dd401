// modules.h: the loaded objects whose code or data the dump's addresses point into.
//
// An object is found through _dl_find_object (lock-free, signal-safe, no loader lock) when an address in it is first
// recorded, and then described in the dump: address range, load bias, build id, path. dlopen is not hooked; dlclose is:
// afterwards objects that are gone are marked in the dump and the epoch advances. Stacks carry the epoch in their
// identity, so an address that two objects used one after the other stays apart.
//
// Threads: any; entries are claimed by an atomic add and published by their last store. No locks. Signals: under an
// AgentScope.
#pragma once

#include <cstdint>

#include "agent/stream.h"

namespace perfagent::modules {

// False when there is no memory for the table.
bool Start();
// In a forked child: its own dump describes modules anew.
void Forget();

uint64_t Epoch();

// Describes the object that contains `address` in the dump, unless that was done.
void Note(Stream* stream, uint64_t address);

// After a dlclose: objects that are no longer there end.
void Sweep(Stream* stream);

// Is `address` inside this library itself?
bool IsAgent(uint64_t address);

}  // namespace perfagent::modules
