// live_lines.h: a look at a running process, as lines (the model: live/live_profile.h).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analyzer/live/live_profile.h"

namespace perfagent {

// What was looked for: an order, and how it is called.
const char* Name(SiteOrder order);

// Where `columns` is not 0, lines are fitted to it: names are shortened, sentences wrapped.
std::vector<std::string> LiveLines(const LiveLook& look, SiteOrder order, size_t columns);

}  // namespace perfagent
