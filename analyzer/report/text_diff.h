// text_diff.h: what changed, for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "analyzer/compare/comparison.h"
#include "analyzer/report/output.h"

namespace perfagent {

// `limit` of the sites and locks in a list; 10 without.
void WriteTextDiff(const Comparison& comparison, std::optional<uint64_t> limit, Output* output);

// "1,100 -> 100 (-1,000, -90.9 %)"; what is estimated with its interval.
std::string ChangeText(const MetricChange& change);

// "GrowVector(unsigned long) (a.cc:18, in BASE a.cc:15)", or the lock's name.
std::string PlaceText(const Match& match);

}  // namespace perfagent
