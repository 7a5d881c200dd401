#include "analyzer/gate/leak_suppressions.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace perfagent {
namespace {

constexpr std::string_view kPrefix = "leak:";
constexpr std::string_view kOwner = "owner=";
constexpr std::string_view kExpires = "expires=";

// "2027-01-31"
std::optional<LeakSuppressions::Day> DayOf(const std::string& date) {
  const std::vector<std::string> parts = absl::StrSplit(date, '-');
  int year = 0, month = 0, day = 0;
  if (parts.size() != 3 || date.size() != 10 || !absl::SimpleAtoi(parts[0], &year) ||
      !absl::SimpleAtoi(parts[1], &month) || !absl::SimpleAtoi(parts[2], &day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day calendar(std::chrono::year(year),
                                             std::chrono::month(static_cast<unsigned>(month)),
                                             std::chrono::day(static_cast<unsigned>(day)));
  if (!calendar.ok()) return std::nullopt;
  return std::chrono::sys_days(calendar).time_since_epoch().count();
}

// Where the fields begin: the expression before them may have blanks of its own.
size_t FieldsAt(const std::string& text) {
  return std::min(
      text.find(absl::StrCat(" ", absl::string_view(kOwner.data(), kOwner.size()))),
      text.find(absl::StrCat(" ", absl::string_view(kExpires.data(), kExpires.size()))));
}

}  // namespace

LeakSuppressions::Day LeakSuppressions::Today() {
  const auto now = std::chrono::system_clock::now();
  return std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
}

std::optional<LeakSuppressions> LeakSuppressions::Parse(std::string_view text,
                                                        const std::string& name, Day today,
                                                        std::string* error) {
  LeakSuppressions suppressions;
  size_t number = 0;
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  for (const std::string& untrimmed : lines) {
    ++number;
    Line line;
    line.text = std::string(absl::StripAsciiWhitespace(untrimmed));
    line.place = absl::StrCat(name, ":", number);
    if (line.text.empty() || line.text[0] == '#') continue;
    std::string expected;
    if (!ParseLine(line.text, today, &line, &expected)) {
      *error = absl::StrCat(line.place, ": expected ", expected, ", got '", line.text, "'");
      return std::nullopt;
    }
    suppressions.lines_.push_back(std::move(line));
  }
  return suppressions;
}

bool LeakSuppressions::ParseLine(const std::string& text, Day today, Line* line,
                                 std::string* expected) {
  if (text.rfind(kPrefix, 0) != 0) {
    *expected = "leak:REGEX owner=NAME [expires=YYYY-MM-DD]";
    return false;
  }
  const size_t fields_at = FieldsAt(text);
  const std::string regex(absl::StripAsciiWhitespace(
      text.substr(kPrefix.size(), std::min(fields_at, text.size()) - kPrefix.size())));
  std::string wrong;
  line->pattern = Pattern::Compile(regex, &wrong);
  if (regex.empty() || !line->pattern) {
    *expected = absl::StrCat("a regular expression behind leak:", wrong.empty() ? "" : " (", wrong,
                             wrong.empty() ? "" : ")");
    return false;
  }
  if (fields_at < text.size()) {
    const std::vector<std::string> fields =
        absl::StrSplit(text.substr(fields_at), absl::ByAnyChar(" \t"), absl::SkipEmpty());
    for (const std::string& field : fields) {
      if (!ParseField(field, today, line, expected)) return false;
    }
  }
  if (!line->owner.empty()) return true;
  *expected = "an owner=NAME who answers for it";
  return false;
}

bool LeakSuppressions::ParseField(const std::string& field, Day today, Line* line,
                                  std::string* expected) {
  if (field.rfind(kOwner, 0) == 0) {
    line->owner = field.substr(kOwner.size());
    return true;
  }
  if (field.rfind(kExpires, 0) == 0) {
    line->expires = field.substr(kExpires.size());
    const std::optional<Day> day = DayOf(line->expires);
    if (!day) *expected = "a date as expires=2027-01-31";
    line->is_expired = day && *day < today;
    return day.has_value();
  }
  *expected = absl::StrCat("owner=NAME or expires=YYYY-MM-DD instead of '", field, "'");
  return false;
}

bool LeakSuppressions::IsSuppressed(const std::vector<const SourceFrame*>& stack) {
  for (Line& line : lines_) {
    if (line.is_expired) continue;
    const bool matches = std::any_of(stack.begin(), stack.end(), [&](const SourceFrame* frame) {
      return line.pattern->Matches(frame->function);
    });
    line.was_used = line.was_used || matches;
    if (matches) return true;
  }
  return false;
}

void LeakSuppressions::Apply(StackNames* names, HeapProfile* heap) {
  for (HeapSite& site : heap->sites) {
    if (site.metrics.leaked_blocks.seen() == 0) continue;
    if (!IsSuppressed(names->Frames(site.stack))) continue;
    site.metrics.leaked_bytes = {};
    site.metrics.leaked_blocks = {};
  }
  heap->SumLeaks();
}

std::vector<std::string> LeakSuppressions::Expired() const {
  std::vector<std::string> texts;
  for (const Line& line : lines_) {
    if (!line.is_expired) continue;
    texts.push_back(absl::StrCat(line.place, ": expired on ", line.expires, " (owner ", line.owner,
                                 ") and no longer applies: ", line.text));
  }
  return texts;
}

std::vector<std::string> LeakSuppressions::Unused() const {
  std::vector<std::string> texts;
  for (const Line& line : lines_) {
    if (line.is_expired || line.was_used) continue;
    texts.push_back(
        absl::StrCat(line.place, ": suppresses nothing (owner ", line.owner, "): ", line.text));
  }
  return texts;
}

}  // namespace perfagent
