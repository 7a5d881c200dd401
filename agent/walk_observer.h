// walk_observer.h: what a test sees of every stack that is taken. The library has no observer, and no code for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent {

// The stack that was just walked, by the thread that it belongs to: pcs as they are recorded, outermost first. `truncated`: it
// goes on beyond them. The observer runs inside the agent: what it allocates is not recorded.
#ifdef PERFAGENT_OBSERVE_WALKS
void ObserveWalk(const uint64_t* pcs, size_t count, bool truncated);
#else
inline void ObserveWalk(const uint64_t*, size_t, bool) {}
#endif

}  // namespace perfagent
