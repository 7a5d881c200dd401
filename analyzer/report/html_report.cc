#include "analyzer/report/html_report.h"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "analyzer/report/json_diff.h"
#include "analyzer/report/json_report.h"
#include "analyzer/report/json_writer.h"
#include "analyzer/report/page_processes.h"
#include "analyzer/report/page_tables.h"

// build/web/page.html, as the linker has put it into an object file.
extern "C" const char _binary_page_html_start[];
extern "C" const char _binary_page_html_end[];

namespace perfagent {
namespace {

// Where the data goes in the page.
constexpr std::string_view kPlaceOfData = "@PERFAGENT_DATA@";

std::string Deflated(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string deflated(size, '\0');
  const int status =
      compress2(reinterpret_cast<Bytef*>(deflated.data()), &size,
                reinterpret_cast<const Bytef*>(text.data()), text.size(), Z_BEST_COMPRESSION);
  if (status != Z_OK) throw std::runtime_error(absl::StrCat("zlib: compress2 returned ", status));
  deflated.resize(size);
  return deflated;
}

// {"kind": "report", "data": {...}, "strings": [...], ...}: the tables are complete when all the rest is written.
std::string DataOf(const char* kind, PageTables tables,
                   absl::FunctionRef<void(PageTables*, Output*)> write) {
  StringOutput data;
  write(&tables, &data);
  data.Flush();

  StringOutput rest;
  JsonWriter json(&rest);
  json.BeginObject();
  json.Key("kind").String(kind);
  tables.Write(&json);
  json.EndObject();
  rest.Flush();
  return absl::StrCat("{\"data\":", data.text(), ",", rest.text().substr(1));
}

void WritePage(const std::string& data, Output* output) {
  // cppcheck-suppress comparePointers ; to the linker they are the ends of one object
  const auto size = static_cast<size_t>(_binary_page_html_end - _binary_page_html_start);
  const std::string_view page(_binary_page_html_start, size);
  const size_t place = page.find(kPlaceOfData);
  if (place == page.npos) throw std::logic_error("the page has no place for its data");
  output->Write(page.substr(0, place));
  output->Write(absl::Base64Escape(Deflated(data)));
  output->Write(page.substr(place + kPlaceOfData.size()));
}

}  // namespace

void WriteHtmlReport(const ReportInput& input, Output* output) {
  ReportInput shown = input;
  // The page has its own trees.
  shown.tree.reset();
  shown.source.clear();
  WritePage(DataOf("report", PageTables(std::min(input.profiles.size(), kMostPageProcesses)),
                   [&](PageTables* tables, Output* data) { WritePageReport(shown, tables, data); }),
            output);
}

void WriteHtmlDiff(const Comparison& comparison, std::optional<uint64_t> limit, Output* output) {
  WritePage(DataOf("diff", PageTables(),
                   [&](PageTables* tables, Output* data) {
                     WritePageDiff(comparison, limit, tables, data);
                   }),
            output);
}

}  // namespace perfagent
