// format.h: numbers and names as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "analyzer/model/estimate.h"

namespace perfagent {

// "1,234,567".
std::string FormatCount(double count);
// IEC units: "999 B", "1.50 KiB", "12.3 MiB".
std::string FormatBytes(double bytes);
// "850 ns", "12.3 us", "1.50 ms", "12.3 s", "2 h 05 min".
std::string FormatDuration(double ns);
// What was set in one unit and measured in another: 999,987 is 1,000,000.
uint64_t ThreeDigits(uint64_t value);
// "12.3 %".
std::string FormatShare(double part, double whole);
// UTC: "2024-05-06T07:08:09.123Z".
std::string FormatTime(uint64_t realtime_ns);

// An exact number alone; an estimated one as "~12.3 MiB (11.9 MiB to 12.7 MiB)".
std::string FormatEstimate(const Estimate& estimate, std::string (*format)(double));

// Names in dumps and symbol tables are anyone's: what would drive a terminal (control characters,
// also the C1 ones in UTF-8), move or hide the text beside it (directions, zero widths) or is no
// UTF-8 becomes \xNN.
std::string EscapeForTerminal(std::string_view text);
// The bytes of the UTF-8 character that begins `text`; 0 when none does.
size_t Utf8Length(std::string_view text);
// True for the characters that EscapeForTerminal escapes.
bool IsControlCharacter(std::string_view utf8_character);

// A word of a shell command: quoted where it must be.
std::string ShellWord(const std::string& word);

}  // namespace perfagent
