#include "analyzer/report/text_findings.h"

#include <algorithm>

#include "analyzer/report/format.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// From the place outwards: enough to know which of several calls it is.
constexpr size_t kMaxFrames = 3;

class FindingWriter : private LineWriter {
 public:
  explicit FindingWriter(Output* output) : LineWriter(output, 8) {}

  void Write(const Findings& findings, uint64_t limit) {
    Line();
    Line("FINDINGS");
    if (findings.empty()) Line("  none");
    const size_t shown = std::min<uint64_t>(limit, findings.size());
    for (size_t i = 0; i < shown; ++i) WriteFinding(findings[i]);
    if (shown < findings.size()) Line("  and ", findings.size() - shown, " more");
  }

 private:
  void WriteFinding(const Finding& finding) {
    Line("  ", finding.kind, ": ", EscapeForTerminal(finding.title),
         " (confidence: ", Name(finding.confidence), ")");
    WriteWhere(finding.where);
    for (const std::string& evidence : finding.evidence) {
      Line("       because ", EscapeForTerminal(evidence));
    }
    Line("       gain    ", EscapeForTerminal(finding.gain));
    Line("       remedy  ", EscapeForTerminal(finding.remedy));
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

void WriteFindingsText(const Findings& findings, uint64_t limit, Output* output) {
  FindingWriter(output).Write(findings, limit);
}

}  // namespace perfagent
