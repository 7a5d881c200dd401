#include "analyzer/report/styled_output.h"

#include <algorithm>
#include <cctype>
namespace perfagent {
namespace {

// Facts stand in a column that begins no further to the right.
constexpr size_t kFurthestColumn = 24;

// "parse_line (app.cc:12)", "memcpy (libc.so.6) inlined": the last brackets hold no sentence.
bool EndsWithPlace(std::string_view line) {
  constexpr std::string_view kInlined = " inlined";
  if (line.ends_with(kInlined)) line.remove_suffix(kInlined.size());
  const size_t open = line.rfind(" (");
  if (!line.ends_with(')') || open == line.npos) return false;
  const std::string_view inside = line.substr(open + 2, line.size() - open - 3);
  return inside.find_first_of(" (),") == inside.npos && inside.find('.') != inside.npos;
}

size_t IndentOf(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// Where the lines that follow begin: below the text behind a fact's name, or a little further in.
size_t HangingIndent(std::string_view line) {
  const size_t indent = IndentOf(line);
  const size_t gap = line.find("  ", indent);
  if (gap != line.npos) {
    const size_t column = line.find_first_not_of(' ', gap);
    if (column != line.npos && column <= kFurthestColumn) return column;
  }
  return indent + 2;
}

std::vector<std::string> Wrap(std::string_view line, size_t columns) {
  const std::string hanging(std::min(HangingIndent(line), columns / 2), ' ');
  std::vector<std::string> lines;
  // What stands before the first word stays as it is.
  size_t begin = IndentOf(line);
  std::string current(line.substr(0, begin));
  bool is_empty = true;
  while (begin < line.size()) {
    const size_t end = std::min(line.find(' ', begin), line.size());
    const size_t next = std::min(line.find_first_not_of(' ', end), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    if (!is_empty && DisplayWidth(current) + DisplayWidth(word) > columns) {
      lines.push_back(current.substr(0, current.find_last_not_of(' ') + 1));
      current = hanging;
    }
    current += line.substr(begin, next - begin);
    is_empty = false;
    begin = next;
  }
  lines.push_back(current);
  return lines;
}

bool IsHeading(std::string_view line) {
  const size_t word = std::min(line.find_first_of(" :"), line.size());
  return word >= 3 && std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(word),
                                  [](unsigned char c) { return isupper(c) != 0; });
}

// A colour and the part of the line that has it.
struct Paint {
  size_t begin = 0;
  size_t end = 0;
  std::string_view color = {};
};

// "  hot_lock: ... (confidence: high)".
std::string_view FindingColor(std::string_view line) {
  const size_t colon = line.find(": ");
  const bool is_kind = line.starts_with("  ") && colon != line.npos && IndentOf(line) == 2 &&
                       line.substr(2, colon - 2).find(' ') == line.npos;
  if (!is_kind) return "";
  if (line.ends_with("(confidence: high)")) return kRed;
  return line.find("(confidence: ") != line.npos ? kYellow : "";
}

struct Verdict {
  std::string_view word;
  std::string_view color;
};
constexpr Verdict kVerdicts[] = {{"FAILS ", kRed}, {"holds ", kGreen}, {"undecided ", kYellow}};

bool IsTrouble(std::string_view line) {
  return (line.starts_with("  lost ") && !line.ends_with(" nothing")) ||
         line.starts_with("  damaged ") || line.starts_with("not used: ");
}

Paint PaintOf(std::string_view line) {
  for (const Verdict& verdict : kVerdicts) {
    if (line.starts_with(verdict.word)) return {0, verdict.word.size(), verdict.color};
  }
  if (IsHeading(line)) return {0, line.find(':'), kBold};
  if (IsTrouble(line)) return {0, line.npos, kRed};
  if (line.starts_with("  [S") || line.starts_with("  [L")) return {2, line.find(']') + 1, kCyan};
  return {2, line.find(':'), FindingColor(line)};
}

std::string Painted(const std::string& line, const Paint& paint) {
  if (paint.color.empty() || paint.begin >= line.size()) return line;
  const size_t end = std::min(paint.end, line.size());
  std::string painted = line;
  painted.insert(end, kPlain).insert(paint.begin, paint.color);
  return painted;
}

}  // namespace

StyledOutput::~StyledOutput() {
  if (!line_.empty()) out_->Write(line_);
}

std::vector<std::string> FitLine(const std::string& line, size_t columns) {
  if (DisplayWidth(line) <= columns) return {line};
  if (EndsWithPlace(line)) return {ShortenMiddle(line, columns)};
  return Wrap(line, columns);
}

bool StyledOutput::Drain(std::string_view text) {
  for (size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    line_.append(text.substr(0, end));
    text.remove_prefix(end + 1);
    WriteLine();
    line_.clear();
  }
  line_.append(text);
  return !out_->closed();
}

void StyledOutput::WriteLine() {
  std::vector<std::string> lines = {line_};
  if (style_.columns) lines = FitLine(line_, *style_.columns);
  // What is coloured stands at the beginning, and the end may say in which colour.
  if (style_.color) lines.front() = Painted(lines.front(), PaintOf(line_));
  for (const std::string& line : lines) out_->Write(line + "\n");
}

}  // namespace perfagent
