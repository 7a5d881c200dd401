#include "analyzer/report/text_values.h"

#include "absl/strings/str_cat.h"
#include "analyzer/model/function_names.h"
#include "analyzer/model/stack_names.h"
#include "analyzer/report/format.h"

namespace perfagent {

std::string Count(const Tally& tally) { return FormatEstimate(tally.Interval(), FormatCount); }
std::string Size(const Tally& tally) { return FormatEstimate(tally.Interval(), FormatBytes); }
std::string Time(const Tally& tally) { return FormatEstimate(tally.Interval(), FormatDuration); }
std::string Count(uint64_t count) { return FormatCount(static_cast<double>(count)); }
std::string Time(uint64_t ns) { return FormatDuration(static_cast<double>(ns)); }

std::string Place(const SourceFrame& frame) {
  std::string place = EscapeForTerminal(frame.function);
  if (!frame.file.empty()) {
    absl::StrAppend(&place, " (", EscapeForTerminal(frame.file));
    if (frame.line > 0) absl::StrAppend(&place, ":", frame.line);
    place += ')';
  } else if (!frame.module.empty()) {
    absl::StrAppend(&place, " (", EscapeForTerminal(BaseName(frame.module)), ")");
  }
  return place;
}

}  // namespace perfagent
