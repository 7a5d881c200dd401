#include "analyzer/report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kRows = 24;

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

bool IsColorful(int fd) {
  const std::string term = Environment("TERM");
  return isatty(fd) != 0 && Environment("NO_COLOR").empty() && !term.empty() && term != "dumb";
}

// What the user says, or else the terminal; some know nothing and say 0.
size_t Extent(const char* variable, size_t said, size_t otherwise) {
  uint32_t set = 0;
  if (absl::SimpleAtoi(Environment(variable), &set) && set > 0) return set;
  return said > 0 ? said : otherwise;
}

size_t CharacterLength(std::string_view text) { return std::max<size_t>(Utf8Length(text), 1); }

// Bytes of the first characters.
size_t BytesOf(std::string_view text, size_t characters) {
  size_t bytes = 0;
  for (; characters > 0 && bytes < text.size(); --characters)
    bytes += CharacterLength(text.substr(bytes));
  return bytes;
}

}  // namespace

TextStyle StyleFor(int fd, ColorChoice color) {
  TextStyle style;
  style.color = color == ColorChoice::kAlways || (color == ColorChoice::kAuto && IsColorful(fd));
  if (isatty(fd) != 0) style.columns = SizeOfTerminal(fd).columns;
  return style;
}

TerminalSize SizeOfTerminal(int fd) {
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) size = {};
  return {Extent("COLUMNS", size.ws_col, kColumns), Extent("LINES", size.ws_row, kRows)};
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (; !text.empty(); ++width) text.remove_prefix(CharacterLength(text));
  return width;
}

std::string ShortenMiddle(std::string_view text, size_t width) {
  constexpr std::string_view kGap = "...";
  const size_t all = DisplayWidth(text);
  if (all <= width) return std::string(text);
  if (width <= kGap.size()) return std::string(text.substr(0, BytesOf(text, width)));
  const size_t kept = width - kGap.size();
  const size_t head = kept / 2;
  const size_t tail = kept - head;
  std::string shortened(text.substr(0, BytesOf(text, head)));
  return shortened.append(kGap).append(text.substr(BytesOf(text, all - tail)));
}

}  // namespace perfagent
