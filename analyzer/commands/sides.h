// sides.h: dumps on a command line become one side of a comparison.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/commands/inputs.h"
#include "analyzer/compare/figures.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

class SideLoader {
 public:
  // What is done to a profile before it is counted, beside what every report does.
  using Prepare = std::function<void(StackNames* names, HeapProfile* heap)>;

  SideLoader(size_t threads, const SymbolizerOptions& symbols, Prepare prepare = {})
      : threads_(threads), symbolizer_(symbols), prepare_(std::move(prepare)) {}

  // What is unusable or damaged is said on stderr. Returns kFine, kPartial or kUnusable; then *side is empty. One dump at
  // a time is in memory.
  ExitCode Load(const Inputs& inputs, Side* side);

 private:
  size_t threads_;
  Symbolizer symbolizer_;
  Prepare prepare_;
};

// The greater loss of two sides.
ExitCode WorseOf(ExitCode a, ExitCode b);

}  // namespace perfagent
