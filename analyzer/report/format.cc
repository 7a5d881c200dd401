#include "analyzer/report/format.h"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace perfagent {
namespace {

struct Unit {
  double size;
  const char* name;
};

// Three significant digits, without an exponent.
std::string FormatIn(double value, const Unit& unit) {
  const double scaled = value / unit.size;
  const int decimals = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f %s", decimals, scaled, unit.name);
}

constexpr Unit kByteUnits[] = {{1024.0, "KiB"},
                               {1024.0 * 1024, "MiB"},
                               {1024.0 * 1024 * 1024, "GiB"},
                               {1024.0 * 1024 * 1024 * 1024, "TiB"}};
constexpr Unit kTimeUnits[] = {{1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};

template <size_t N>
std::string FormatWithUnits(double value, const char* smallest, const Unit (&units)[N]) {
  // 999.6 of a unit would print as 1000 of it; the next unit says it shorter.
  if (value < units[0].size * 0.9995) return absl::StrFormat("%.0f %s", value, smallest);
  const Unit* unit = &units[0];
  for (const Unit& larger : units) {
    if (value >= larger.size * 0.9995) unit = &larger;
  }
  return FormatIn(value, *unit);
}

// What moves or hides the text beside it: marks, embeddings, overrides and isolates of direction,
// zero widths, line and paragraph separators.
constexpr std::string_view kInvisible[] = {"\u061c", "\u200b", "\u200c", "\u200d", "\u200e",
                                           "\u200f", "\u2028", "\u2029", "\u202a", "\u202b",
                                           "\u202c", "\u202d", "\u202e", "\u2060", "\u2066",
                                           "\u2067", "\u2068", "\u2069", "\ufeff"};

}  // namespace

std::string FormatCount(double count) {
  const std::string digits = absl::StrFormat("%.0f", count);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool between_digits = i > 0 && digits[i - 1] != '-';
    if (between_digits && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string FormatBytes(double bytes) { return FormatWithUnits(bytes, "B", kByteUnits); }

std::string FormatDuration(double ns) {
  const double minutes = ns / 60e9;
  if (minutes >= 60) {
    const double hours = std::floor(minutes / 60);
    return absl::StrFormat("%.0f h %02.0f min", hours, std::floor(minutes - hours * 60));
  }
  if (minutes >= 2) {
    return absl::StrFormat("%.0f min %02.0f s", std::floor(minutes),
                           std::floor((minutes - std::floor(minutes)) * 60));
  }
  return FormatWithUnits(ns, "ns", kTimeUnits);
}

uint64_t ThreeDigits(uint64_t value) {
  uint64_t unit = 1;
  while (value / unit >= 1000) unit *= 10;
  const uint64_t digits = value / unit + (value % unit >= unit / 2 + unit % 2 ? 1 : 0);
  uint64_t rounded = 0;
  return __builtin_mul_overflow(digits, unit, &rounded) ? value : rounded;
}

std::string FormatShare(double part, double whole) {
  return absl::StrFormat("%.1f %%", whole > 0 ? part / whole * 100 : 0);
}

std::string FormatTime(uint64_t realtime_ns) {
  const time_t seconds = static_cast<time_t>(realtime_ns / 1'000'000'000);
  tm parts;
  if (gmtime_r(&seconds, &parts) == nullptr) return "?";
  char text[64];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return absl::StrFormat("%s.%03uZ", text, realtime_ns / 1'000'000 % 1000);
}

std::string FormatEstimate(const Estimate& estimate, std::string (*format)(double)) {
  if (estimate.IsExact()) return format(estimate.value);
  return absl::StrCat("~", format(estimate.value), " (", format(estimate.low), " to ",
                      format(estimate.high), ")");
}

size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t count) {
    if (text.size() <= count) return false;
    for (size_t i = 1; i <= count; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  if (text.empty()) return 0;
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef && continues(2)) {
    const bool overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4 && continues(3)) {
    const bool overlong = first == 0xf0 && byte(1) < 0x90;
    const bool too_large = first == 0xf4 && byte(1) >= 0x90;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

bool IsControlCharacter(std::string_view character) {
  const uint8_t first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  const uint8_t second = static_cast<uint8_t>(character[1]);
  if (character.size() == 2 && first == 0xc2 && second < 0xa0) return true;  // C1
  return std::find(std::begin(kInvisible), std::end(kInvisible), character) != std::end(kInvisible);
}

std::string EscapeForTerminal(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    if (length > 0 && !IsControlCharacter(character)) {
      escaped.append(character);
    } else {
      for (const char byte : character) {
        absl::StrAppendFormat(&escaped, "\\x%02x", static_cast<uint8_t>(byte));
      }
    }
    text.remove_prefix(character.size());
  }
  return escaped;
}

std::string ShellWord(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return isalnum(static_cast<unsigned char>(c)) != 0 || strchr("_-./:=+,@%", c) != nullptr;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace perfagent
