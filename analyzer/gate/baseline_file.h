// baseline_file.h: a side of a comparison as a small file, to be kept beside the sources.
//
//   {"format": "perfagent-baseline", "version": 1, "runs", "processes", "interval_bytes", "heap", "locks", "timed",
//    "builds": {FILE NAME: [BUILD ID, ...]}, "total": FIGURES,
//    "things": [{"lock", "kind", "name", "place", "offset", "frames": [{"function", "file", "line", "module"}],
//                "figures": FIGURES}]}
//   FIGURES: {METRIC: [value, low, high, variance between runs]}, without those that are 0
//
// A version is raised by what its readers would misunderstand; other versions are refused.
#pragma once

#include <optional>
#include <string>

#include "analyzer/compare/figures.h"
#include "analyzer/report/output.h"

namespace perfagent {

void WriteBaseline(const Side& side, Output* output);

// On failure returns nullopt, and *error says in one line what is wrong and where. `name` is the file's.
std::optional<Side> ParseBaseline(const std::string& text, const std::string& name,
                                  std::string* error);

}  // namespace perfagent
