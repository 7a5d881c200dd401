// terminal.h: what is written to a terminal fits it, and is coloured where that is wanted.
//
// What is not written to a terminal is never cut or wrapped: programs read it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace perfagent {

enum class ColorChoice { kAuto, kAlways, kNever };

struct TextStyle {
  std::optional<size_t> columns = {};  // none: lines are as long as they are
  bool color = false;

  bool IsPlain() const { return !columns && !color; }
};

// For what is written to `fd`. kAuto: in colour on a terminal, unless NO_COLOR is set and not empty or TERM is "dumb" or
// not set.
TextStyle StyleFor(int fd, ColorChoice color);

struct TerminalSize {
  size_t columns;
  size_t rows;
};
// COLUMNS and LINES where they are set, else what the terminal says, else 80 and 24.
TerminalSize SizeOfTerminal(int fd);

// In characters; of UTF-8, as most of them are.
size_t DisplayWidth(std::string_view text);
// With "..." in the middle, if it is wider than that. What is at the end is kept: files and lines are there.
std::string ShortenMiddle(std::string_view text, size_t width);

// Escape sequences.
inline constexpr std::string_view kBold = "\x1b[1m";
inline constexpr std::string_view kRed = "\x1b[31m";
inline constexpr std::string_view kGreen = "\x1b[32m";
inline constexpr std::string_view kYellow = "\x1b[33m";
inline constexpr std::string_view kCyan = "\x1b[36m";
inline constexpr std::string_view kPlain = "\x1b[0m";

}  // namespace perfagent
