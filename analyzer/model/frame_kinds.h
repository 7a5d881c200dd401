// frame_kinds.h: what sort of code a frame is of.
#pragma once

#include <string>

#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

// "operator new(unsigned long)", "std::vector<...>::_M_realloc_insert<...>", "pthread_mutex_lock",
// "std::lock_guard<std::mutex>::lock_guard": code between the program and the call that is
// recorded.
bool IsPlumbing(const std::string& function);

// "main" and all that the program calls its own: neither plumbing nor where a thread begins.
bool IsOwnCode(const std::string& function);

// "libx.so+0x1234", "0x7f0012345678".
bool IsNameless(const SourceFrame& frame);

// Of libc, libstdc++ or the dynamic linker, which every C and C++ program has and nobody calls their own; by a module's path.
bool IsRuntimeModule(const std::string& path);
bool IsAgentModule(const std::string& path);

// How well a frame answers "where?": the program's own function, a wrapper, code without a name, that of libc, the rest.
inline constexpr int kBestPlaceRank = 4;
int PlaceRank(const SourceFrame& frame);

}  // namespace perfagent
