// findings_in_view.h: which of a recording's findings are about something in the view.
//
// Rules judge whole recordings: what is much is so of all that there was, and growth needs its time. So a view has the
// findings of the whole, those that accuse a site that did something in it, or a lock that was waited for in it. What the
// allocator is accused of is nobody's in particular.
//
// Threads: any number at a time.
#pragma once

#include "analyzer/findings/finding.h"
#include "analyzer/replay/load_profile.h"

namespace perfagent {

// Of `whole`, in their order. `viewed` is the profile of the view, without what LeaveOutStacks leaves out.
Findings FindingsInView(Findings whole, const Profile& viewed);

}  // namespace perfagent
