// styled_output.h: text reports as a terminal shows them best.
//
// Reports are written line by line for nobody in particular; here long lines are fitted to the terminal's width (sentences are
// wrapped, names of functions shortened in the middle), and headings, numbers of sites and verdicts coloured. A plain
// style changes nothing.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/report/output.h"
#include "analyzer/report/terminal.h"

namespace perfagent {

class StyledOutput : public Output {
 public:
  // `out` must outlive this. What is written arrives there by Flush.
  StyledOutput(const TextStyle& style, Output* out) : style_(style), out_(out) {}
  ~StyledOutput() override;

 protected:
  bool Drain(std::string_view text) override;

 private:
  void WriteLine();

  const TextStyle style_;
  Output* out_;
  std::string line_;  // begun, without an end yet
};

// A line as one or more that are no wider than that, as far as words allow it.
std::vector<std::string> FitLine(const std::string& line, size_t columns);

}  // namespace perfagent
