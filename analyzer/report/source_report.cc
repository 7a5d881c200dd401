#include "analyzer/report/source_report.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_format.h"
#include "analyzer/report/format.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"
#include "analyzer/views/source_costs.h"
#include "analyzer/views/source_text.h"

namespace perfagent {
namespace {

// Lines shown before the first that costs something, and after the last: where a function begins is not known.
constexpr int kAround = 3;

std::optional<SourceText> TextOf(const FunctionSource& source, int around, std::string* problem) {
  if (source.file.empty()) {
    *problem = "there is no debug information about it";
    return std::nullopt;
  }
  const int first = source.costs.begin()->first, last = source.costs.rbegin()->first;
  return ReadSource(source.file, source.module, std::max(first - around, 1), last + around,
                    problem);
}

// Nothing is less to read than 0.
template <typename Format>
std::string Cell(const Tally& tally, Format format) {
  return tally.value() > 0 ? format(tally.value()) : "";
}

class SourceWriter : private LineWriter {
 public:
  explicit SourceWriter(Output* output) : LineWriter(output, 0) {}

  void Write(const std::string& function, const std::vector<FunctionSource>& sources) {
    Line();
    Line("SOURCE: ", EscapeForTerminal(function));
    if (sources.empty()) Line("  no stack that is shown has a function of that name");
    for (const FunctionSource& source : sources) WriteFunction(source);
  }

 private:
  void WriteFunction(const FunctionSource& source) {
    std::string problem;
    const std::optional<SourceText> text = TextOf(source, kAround, &problem);
    Line("  ", EscapeForTerminal(source.function));
    Line("  ", EscapeForTerminal(text ? text->path : problem));
    Line(absl::StrFormat("  %10s %12s %10s %10s %10s", "bytes", "calls", "leaked", "waits",
                         "waited"));
    WriteRow(source.total, "all", "");
    if (!text) {
      for (const auto& [line, costs] : source.costs) WriteRow(costs, absl::StrCat(line), "");
      return;
    }
    for (const auto& [line, code] : text->lines) {
      const auto costs = source.costs.find(line);
      WriteRow(costs == source.costs.end() ? LineCosts() : costs->second, absl::StrCat(line), code);
    }
  }

  void WriteRow(const LineCosts& costs, const std::string& line, const std::string& code) {
    Line(
        absl::StrFormat("  %10s %12s %10s %10s %10s %6s  ", Cell(costs.bytes, FormatBytes),
                        Cell(costs.allocations, FormatCount), Cell(costs.leaked_bytes, FormatBytes),
                        Cell(costs.waits, FormatCount), Cell(costs.wait_ns, FormatDuration), line),
        EscapeForTerminal(code));
  }
};

}  // namespace

void WriteSourceText(const std::string& function, const NamedProfile& named, Output* output) {
  SourceWriter(output).Write(function, SourceCosts(function, named));
}

void WriteSourceJson(const std::string& function, const NamedProfile& named, JsonWriter* json) {
  json->BeginArray();
  for (const FunctionSource& source : SourceCosts(function, named)) {
    std::string problem;
    const std::optional<SourceText> text = TextOf(source, 0, &problem);
    json->BeginObject();
    json->Key("function").String(source.function);
    json->Key("file").String(text ? text->path : source.file);
    json->Key("problem").String(problem);
    json->Key("lines").BeginArray();
    for (const auto& [line, costs] : source.costs) {
      json->BeginObject();
      json->Key("line").Signed(line);
      const bool has_text = text && text->lines.contains(line);
      json->Key("text").String(has_text ? text->lines.at(line) : "");
      WriteTally(json, "allocations", costs.allocations);
      WriteTally(json, "bytes", costs.bytes);
      WriteTally(json, "leaked_bytes", costs.leaked_bytes);
      WriteTally(json, "waits", costs.waits);
      WriteTally(json, "wait_ns", costs.wait_ns);
      json->EndObject();
    }
    json->EndArray();
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace perfagent
