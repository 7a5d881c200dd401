// requirement.h: what a program is allowed, as a gate is told: "leaked_bytes<1MiB".
//
//   METRIC [ "[" FIELD "~" REGEX "]" ] OPERATOR NUMBER [UNIT]        blanks anywhere between
//
//   METRIC     a figure of the heap or of the locks by its name in the JSON report
//   FIELD      function: sites with such a function of the program on their stack; name: locks with such a name
//   OPERATOR   < <= > >= ==
//   UNIT       B KiB MiB GiB TiB for bytes, ns us ms s for times; %: of the whole that the metric is a part of
//              (of bytes that leaked or live: of the peak; of all counts of blocks: of the allocations; of a
//              metric with a selector: of the same one without where it is no part of another)
//
// Of several runs an average one is meant. An estimate fails only where its whole 95 % interval is beyond the limit, and
// holds only where all of it is within: between, it is undecided.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "analyzer/compare/figures.h"
#include "analyzer/model/pattern.h"

namespace perfagent {

enum class Comparator { kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kEqual };

struct Requirement {
  std::string text;  // as given
  Metric metric = Metric::kAllocations;
  std::optional<Pattern> selector;
  Comparator comparator = Comparator::kLess;
  double limit = 0;
  bool is_share = false;  // of 1
};

// On failure returns nullopt, and *error names the expression, the position (from 1 on) and what was expected there.
std::optional<Requirement> ParseRequirement(const std::string& text, std::string* error);

enum class Outcome { kHolds, kFails, kUndecided };

// Is `value` within the limit, for all that is known?
Outcome JudgeEstimate(const Estimate& value, Comparator comparator, double limit);

struct Judgement {
  Outcome outcome = Outcome::kHolds;
  std::string text;  // "leaked_bytes 3.20 MiB, required < 1.00 MiB"
};
Judgement Judge(const Requirement& requirement, const Side& side);

}  // namespace perfagent
