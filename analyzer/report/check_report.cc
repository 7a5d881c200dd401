#include "analyzer/report/check_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr size_t kMaxInError = 3;

size_t Count(const CheckResults& results, Outcome outcome) {
  return static_cast<size_t>(
      std::count_if(results.begin(), results.end(),
                    [&](const CheckResult& result) { return result.outcome == outcome; }));
}

const char* Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHolds:
      return "holds";
    case Outcome::kFails:
      return "FAILS";
    case Outcome::kUndecided:
      return "undecided";
  }
  return "";
}

// A workflow command's message ends at the end of its line.
std::string EscapeForGitHub(const std::string& text) {
  return absl::StrReplaceAll(EscapeForTerminal(text), {{"%", "%25"}});
}

std::string ErrorText(const CheckResults& results, size_t failed) {
  std::string text;
  size_t shown = 0;
  for (const CheckResult& result : results) {
    if (result.outcome != Outcome::kFails || shown == kMaxInError) continue;
    absl::StrAppend(&text, shown++ == 0 ? "" : "; ", result.text);
  }
  if (shown < failed) absl::StrAppend(&text, "; and ", failed - shown, " more");
  return EscapeForGitHub(text);
}

void WriteTestCase(const CheckResult& result, Output* output) {
  output->Write(absl::StrCat("  <testcase classname=\"perfagent\" name=\"",
                             EscapeForXml(result.name), "\">"));
  const std::string text = EscapeForXml(result.text);
  if (result.outcome == Outcome::kFails) {
    output->Write(absl::StrCat("<failure message=\"", text, "\"/>"));
  } else {
    const char* prefix = result.outcome == Outcome::kUndecided ? "undecided: " : "";
    output->Write(absl::StrCat("<system-out>", prefix, text, "</system-out>"));
  }
  output->Write("</testcase>\n");
}

}  // namespace

void WriteCheckText(const CheckResults& results, Output* output) {
  for (const CheckResult& result : results) {
    output->Write(absl::StrFormat("%-9s  ", Name(result.outcome)));
    output->Write(absl::StrCat(EscapeForTerminal(result.text), "\n"));
  }
  const size_t failed = Count(results, Outcome::kFails);
  const size_t undecided = Count(results, Outcome::kUndecided);
  if (failed > 0) {
    output->Write(absl::StrCat("::error title=perfagent::", ErrorText(results, failed), "\n"));
  }
  output->Write(absl::StrCat("perfagent: ", results.size(), " checked, ", failed, " failed, ",
                             undecided, " undecided\n"));
}

void WriteJUnit(const CheckResults& results, Output* output) {
  output->Write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  output->Write(absl::StrCat("<testsuite name=\"perfagent\" tests=\"", results.size(),
                             "\" failures=\"", Count(results, Outcome::kFails), "\">\n"));
  for (const CheckResult& result : results) WriteTestCase(result, output);
  output->Write("</testsuite>\n");
}

std::string EscapeForXml(std::string_view text) {
  return absl::StrReplaceAll(
      EscapeForTerminal(text),
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&apos;"}});
}

}  // namespace perfagent
