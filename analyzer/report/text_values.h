// text_values.h: what every part of the report for people is made of.
#pragma once

#include <cstdint>
#include <string>

#include "analyzer/model/estimate.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

std::string Count(const Tally& tally);
std::string Size(const Tally& tally);
std::string Time(const Tally& tally);
std::string Count(uint64_t count);
std::string Time(uint64_t ns);

// "parse_line (app.cc:12)", "memcpy (libc.so.6)".
std::string Place(const SourceFrame& frame);

}  // namespace perfagent
