// line_writer.h: lines of a text report, and facts with their names in a column.
//
// Threads: one thread at a time.
#pragma once

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/report/output.h"

namespace perfagent {

class LineWriter {
 protected:
  LineWriter(Output* output, int name_width) : output_(output), name_width_(name_width) {}

  template <typename... Parts>
  void Line(const Parts&... parts) {
    output_->Write(absl::StrCat(parts..., "\n"));
  }
  // "  lost        nothing"
  template <typename... Parts>
  void Fact(const char* name, const Parts&... parts) {
    Line(absl::StrFormat("  %-*s", name_width_, name), parts...);
  }
  Output* output() const { return output_; }

 private:
  Output* output_;
  int name_width_;
};

}  // namespace perfagent
