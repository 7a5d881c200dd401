#include "agent/config.h"

#include <cstring>
#include <string_view>

#include "agent/say.h"
#include "perfagent/dump_format.h"

namespace perfagent {

Config config;

namespace {

// substr from `count` on; std::string_view's own throws, which would need libstdc++.
std::string_view After(std::string_view text, size_t count) {
  text.remove_prefix(count);
  return text;
}

// Copied: programs that set their title (redis, nginx, PostgreSQL) overwrite their environment.
bool ParseText(std::string_view value, const char** out) {
  static char copies[2 * 4096];
  static size_t used;
  if (value.empty() || value.size() >= sizeof copies - used) return false;
  char* copy = copies + used;
  used += value.size() + 1;
  memcpy(copy, value.data(), value.size());
  *out = copy;
  return true;
}

bool ParseNumber(std::string_view value, uint64_t* out) {
  if (value.empty()) return false;
  uint64_t number = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return false;
    if (__builtin_mul_overflow(number, 10u, &number)) return false;
    if (__builtin_add_overflow(number, static_cast<uint64_t>(c - '0'), &number)) return false;
  }
  *out = number;
  return true;
}

// 4096, 512K, 1M, 2G, 1T: powers of 1024; a B or iB after the letter is accepted.
bool ParseBytes(std::string_view value, uint64_t* out) {
  size_t digits = 0;
  while (digits < value.size() && value[digits] >= '0' && value[digits] <= '9') ++digits;
  uint64_t number;
  if (!ParseNumber(value.substr(0, digits), &number)) return false;
  std::string_view unit = After(value, digits);
  unsigned shift = 0;
  if (!unit.empty() && unit != "B" && unit != "b") {
    constexpr std::string_view kUnits = "KMGTkmgt";
    const size_t at = kUnits.find(unit[0]);
    if (at == std::string_view::npos) return false;
    shift = 10 * (at % 4 + 1);
    unit.remove_prefix(1);
    if (!unit.empty() && unit != "B" && unit != "iB") return false;
  }
  return !__builtin_mul_overflow(number, uint64_t{1} << shift, out);
}

bool ParseBytesBetween(std::string_view value, uint64_t low, uint64_t high, uint64_t* out) {
  uint64_t number;
  if (!ParseBytes(value, &number) || number < low || number > high) return false;
  *out = number;
  return true;
}

// 0 stands for auto.
bool ParseInterval(std::string_view value, uint64_t* out) {
  if (value != "auto") return ParseBytesBetween(value, kLeastInterval, kGreatestInterval, out);
  *out = 0;
  return true;
}

bool ParseMaxSize(std::string_view value, uint64_t* out) {
  return ParseBytesBetween(value, 64 << 10, uint64_t{16} << 40, out);
}

bool ParseDepth(std::string_view value, uint64_t* out) {
  uint64_t number;
  if (!ParseNumber(value, &number) || number < 1 || number > kMaxFrames) return false;
  *out = number;
  return true;
}

bool ParseSeed(std::string_view value, uint64_t* out) { return ParseNumber(value, out); }

// "1%", "0.5%": parts per million.
bool ParsePercent(std::string_view value, uint64_t* out) {
  if (value.empty() || value.back() != '%') return false;
  value.remove_suffix(1);
  const size_t point = value.find('.');
  uint64_t whole;
  if (!ParseNumber(value.substr(0, point), &whole) || whole > 100) return false;
  uint64_t ppm = whole * 10000;
  if (point != std::string_view::npos) {
    const std::string_view decimals = After(value, point + 1);
    uint64_t fraction;
    if (decimals.size() > 4 || !ParseNumber(decimals, &fraction)) return false;
    for (size_t i = decimals.size(); i < 4; ++i) fraction *= 10;
    ppm += fraction;
  }
  if (ppm < 100 || ppm > 1000000) return false;
  *out = ppm;
  return true;
}

template <typename T>
struct Word {
  std::string_view word;
  T meaning;
};

template <typename T, size_t kCount>
bool ParseWord(std::string_view value, const Word<T> (&words)[kCount], T* out) {
  for (const Word<T>& candidate : words) {
    if (value == candidate.word) {
      *out = candidate.meaning;
      return true;
    }
  }
  return false;
}

bool ParseMode(std::string_view value, RunMode* out) {
  constexpr Word<RunMode> kWords[] = {
      {"sample", RunMode::kSample}, {"full", RunMode::kFull}, {"off", RunMode::kOff}};
  return ParseWord(value, kWords, out);
}

bool ParseBool(std::string_view value, bool* out) {
  constexpr Word<bool> kWords[] = {{"1", true}, {"0", false}};
  return ParseWord(value, kWords, out);
}

bool ParseStart(std::string_view value, bool* out) {
  constexpr Word<bool> kWords[] = {{"on", false}, {"paused", true}};
  return ParseWord(value, kWords, out);
}

bool ParseChildren(std::string_view value, bool* out) {
  constexpr Word<bool> kWords[] = {{"follow", false}, {"ignore", true}};
  return ParseWord(value, kWords, out);
}

bool ParseClock(std::string_view value, ClockChoice* out) {
  constexpr Word<ClockChoice> kWords[] = {{"auto", ClockChoice::kAuto},
                                          {"vdso", ClockChoice::kVdso}};
  return ParseWord(value, kWords, out);
}

void ReadSetting(std::string_view name, std::string_view value) {
#define PERFAGENT_OPTION(field, variable, type, fallback, parser, allowed)         \
  if (name == variable) {                                                          \
    if (!parser(value, &config.field)) {                                           \
      Say("PERFAGENT_" variable "=", value, " is not allowed: expected ", allowed, \
          "; the default is used");                                                \
    }                                                                              \
    return;                                                                        \
  }
#include "agent/options.inc"
#undef PERFAGENT_OPTION
  // Names that the wrapper script reads for itself.
  if (name == "LIB" || name == "ANALYZER") return;
  Say("PERFAGENT_", name, " is not a setting; it is ignored");
}

bool MatchesGlob(std::string_view glob, std::string_view name) {
  size_t g = 0, n = 0;
  size_t star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n]) && glob[g] != '*') {
      ++g;
      ++n;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_name = n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace

void ReadConfig(char** environment) {
  constexpr std::string_view kPrefix = "PERFAGENT_";
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    std::string_view setting = *environment;
    if (setting.substr(0, kPrefix.size()) != kPrefix) continue;
    setting.remove_prefix(kPrefix.size());
    const size_t equals = setting.find('=');
    if (equals == std::string_view::npos) continue;
    ReadSetting(setting.substr(0, equals), After(setting, equals + 1));
  }
}

bool MatchesPrograms(const char* globs, const char* name) {
  std::string_view rest = globs;
  if (rest.empty()) return true;
  while (true) {
    const size_t comma = rest.find(',');
    if (MatchesGlob(rest.substr(0, comma), name)) return true;
    if (comma == std::string_view::npos) return false;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace perfagent
