// locations.h: places in the code, numbered as exports meet them: an address with the functions that are inlined there.
//
// Threads: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {

struct Location {
  uint64_t address = 0;                   // of the call; 0: of several processes, or not known
  std::optional<ModuleId> module = {};    // where that is known
  std::vector<const SourceFrame*> lines;  // innermost inlined function first; never empty
};

class Locations {
 public:
  // Must outlive this.
  explicit Locations(StackNames* names) : names_(names) {}

  // The numbers of a stack's locations, leaf first. What is not shown of it (StackNames::Show) is left out.
  std::vector<uint32_t> Of(StackId stack);

  size_t size() const { return locations_.size(); }
  const Location& operator[](size_t number) const { return locations_[number]; }
  // The path of its module; empty: none is known.
  const std::string& ModulePath(const Location& location) const {
    return location.lines.front()->module;
  }

 private:
  static constexpr uint32_t kNotShown = UINT32_MAX;

  uint32_t Of(const Frame& frame);
  uint32_t Of(std::vector<const SourceFrame*> lines);

  StackNames* names_;
  std::vector<Location> locations_;
  absl::flat_hash_map<Frame, uint32_t> of_frame_;
  absl::flat_hash_map<std::vector<const SourceFrame*>, uint32_t> of_lines_;
};

// Their functions, outermost first: as a list of names is read.
std::vector<const SourceFrame*> RootFirst(const Locations& locations,
                                          const std::vector<uint32_t>& numbers);

}  // namespace perfagent
