// walk_observer.h: what a test sees of every stack that is taken. The library has no observer, and no code for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/unwind/rule_step.h"
#include "agent/unwind/workspace.h"

namespace perfagent {

// The stack that was just walked, by the thread that it belongs to: pcs as they are recorded, outermost first. `truncated`: it
// goes on beyond them. The observer runs inside the agent: what it allocates is not recorded.
#ifdef PERFAGENT_OBSERVE_WALKS
void ObserveWalk(const uint64_t* pcs, size_t count, bool truncated);
// A stack from `from` outward was recognized, without a walk, as the one of this hash (spine.h).
void ObserveRecognized(const FrameState& from, uint64_t epoch, uint64_t hash, Workspace* workspace);
#else
inline void ObserveWalk(const uint64_t*, size_t, bool) {}
inline void ObserveRecognized(const FrameState&, uint64_t, uint64_t, Workspace*) {}
#endif

}  // namespace perfagent
