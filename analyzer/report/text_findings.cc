#include "analyzer/report/text_findings.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "analyzer/report/format.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// From the place outwards: enough to know which of several calls it is.
constexpr size_t kMaxFrames = 3;

std::string GainsText(const Gains& gains) {
  std::vector<std::string> parts;
  const auto add = [&](const std::optional<Estimate>& amount, std::string (*format)(double),
                       const char* of_what) {
    if (amount) parts.push_back(absl::StrCat(FormatEstimate(*amount, format), of_what));
  };
  add(gains.time_ns, FormatDuration, " of time");
  add(gains.memory_bytes, FormatBytes, " of memory");
  add(gains.copied_bytes, FormatBytes, " not copied");
  add(gains.calls, FormatCount, " calls");
  add(gains.growth_bytes_per_hour, FormatBytes, " an hour");
  return absl::StrJoin(parts, ", ");
}

class FindingWriter : private LineWriter {
 public:
  explicit FindingWriter(Output* output) : LineWriter(output, 8) {}

  void Write(const Findings& findings, bool are_of_whole, uint64_t limit) {
    Line();
    Line("FINDINGS", are_of_whole ? " of the whole recording, about what is in view" : "");
    if (findings.empty()) Line("  none");
    const size_t shown = std::min<uint64_t>(limit, findings.size());
    for (size_t i = 0; i < shown; ++i) WriteFinding(findings[i]);
    if (shown < findings.size()) Line("  and ", findings.size() - shown, " more");
  }

 private:
  void WriteFinding(const Finding& finding) {
    Line("  ", finding.kind, ": ", EscapeForTerminal(finding.title),
         " (confidence: ", Name(finding.confidence), ")");
    if (finding.spread) WriteSpread(*finding.spread, finding.gains);
    WriteWhere(finding.where);
    for (const std::string& evidence : finding.evidence) {
      Line("       because ", EscapeForTerminal(evidence));
    }
    Line("       gain    ", EscapeForTerminal(finding.gain));
    Line("       remedy  ", EscapeForTerminal(finding.remedy));
  }

  void WriteSpread(const Spread& spread, const Gains& gains) {
    const std::string text = GainsText(gains);
    Line("       in all  ", Count(spread.processes), " of ", Count(spread.all_processes),
         " processes", text.empty() ? "" : "; can be gained at most: ", text);
    Line("       most    in pid ", spread.pid,
         ", of which the rest is: ", EscapeForTerminal(spread.dump));
  }

  void WriteWhere(const Where& where) {
    if (where.IsLock()) {
      Line("       lock    ", EscapeForTerminal(where.lock));
      return;
    }
    if (!where.allocator.empty()) {
      Line("       where   ", EscapeForTerminal(where.allocator));
      return;
    }
    if (where.place == nullptr) {
      Line("       where   (no stack)");
      return;
    }
    auto frame = std::find(where.stack.begin(), where.stack.end(), where.place);
    Line("       where   ", Place(**frame));
    for (size_t i = 1; i < kMaxFrames && ++frame != where.stack.end(); ++i) {
      Line("               called from ", Place(**frame));
    }
  }
};

}  // namespace

void WriteFindingsText(const Findings& findings, bool are_of_whole, uint64_t limit,
                       Output* output) {
  FindingWriter(output).Write(findings, are_of_whole, limit);
}

}  // namespace perfagent
