#include "analyzer/gate/requirement.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

// Those that begin like another one come before it.
constexpr std::pair<const char*, Comparator> kComparators[] = {
    {"<=", Comparator::kLessOrEqual},    {"<", Comparator::kLess},
    {">=", Comparator::kGreaterOrEqual}, {">", Comparator::kGreater},
    {"==", Comparator::kEqual},
};

struct UnitName {
  const char* name;
  Unit unit;
  double size;
};
constexpr UnitName kUnits[] = {
    {"B", Unit::kBytes, 1},
    {"KiB", Unit::kBytes, 1024.0},
    {"MiB", Unit::kBytes, 1024.0 * 1024},
    {"GiB", Unit::kBytes, 1024.0 * 1024 * 1024},
    {"TiB", Unit::kBytes, 1024.0 * 1024 * 1024 * 1024},
    {"ns", Unit::kNs, 1},
    {"us", Unit::kNs, 1e3},
    {"ms", Unit::kNs, 1e6},
    {"s", Unit::kNs, 1e9},
};

const char* ExpectedUnits(Unit unit) {
  switch (unit) {
    case Unit::kBytes:
      return "B, KiB, MiB, GiB, TiB, % or nothing";
    case Unit::kNs:
      return "ns, us, ms, s, % or nothing";
    case Unit::kCount:
      return "% or nothing";
  }
  return "";
}

std::string MetricNames() {
  std::string names;
  ForEachMetric([&](Metric metric) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", Traits(metric).name);
  });
  return names;
}

const char* Name(Comparator comparator) {
  const auto* found =
      std::find_if(std::begin(kComparators), std::end(kComparators),
                   [&](const auto& candidate) { return candidate.second == comparator; });
  return found->first;
}

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) { requirement_.text = text; }

  std::optional<Requirement> Run(std::string* error) {
    if (ParseMetric() && ParseSelector() && ParseComparator() && ParseLimit()) return requirement_;
    *error = error_;
    return std::nullopt;
  }

 private:
  bool Fail(size_t position, const std::string& expected) {
    const std::string rest = text_.substr(std::min(position, text_.size()));
    error_ = absl::StrCat("'", text_, "': position ", position + 1, ": expected ", expected,
                          ", got ", rest.empty() ? "the end" : absl::StrCat("'", rest, "'"));
    return false;
  }

  void SkipBlanks() {
    while (at_ < text_.size() && isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  template <typename IsPart>
  std::string Take(IsPart is_part) {
    SkipBlanks();
    const size_t begin = at_;
    while (at_ < text_.size() && is_part(static_cast<unsigned char>(text_[at_]))) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  bool Skip(std::string_view word) {
    SkipBlanks();
    if (std::string_view(text_).substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool ParseMetric() {
    SkipBlanks();
    const size_t begin = at_;
    const std::optional<Metric> metric =
        MetricNamed(Take([](unsigned char c) { return isalnum(c) || c == '_'; }));
    if (!metric) return Fail(begin, absl::StrCat("a metric (", MetricNames(), ")"));
    requirement_.metric = *metric;
    return true;
  }

  // The expression may have brackets of its own: it ends at the last one.
  bool ParseSelector() {
    if (!Skip("[")) return true;
    const char* field = Traits(requirement_.metric).is_heap ? "function" : "name";
    const std::string expected =
        absl::StrCat(field, "~REGEX] behind ", Traits(requirement_.metric).name);
    SkipBlanks();
    const size_t begin = at_;
    if (!Skip(field) || !Skip("~")) return Fail(begin, expected);
    const size_t end = text_.rfind(']');
    if (end == std::string::npos || end < at_)
      return Fail(text_.size(), "] at the end of the selector");
    std::string wrong;
    requirement_.selector = Pattern::Compile(text_.substr(at_, end - at_), &wrong);
    if (!requirement_.selector)
      return Fail(at_, absl::StrCat("a regular expression (", wrong, ")"));
    at_ = end + 1;
    return true;
  }

  bool ParseComparator() {
    for (const auto& [name, comparator] : kComparators) {
      if (!Skip(name)) continue;
      requirement_.comparator = comparator;
      return true;
    }
    return Fail(at_, requirement_.selector ? "<, <=, >, >= or ==" : "[, <, <=, >, >= or ==");
  }

  bool ParseLimit() {
    SkipBlanks();
    const size_t begin = at_;
    const std::string digits = Take([](unsigned char c) { return isdigit(c) || c == '.'; });
    if (!absl::SimpleAtod(digits, &requirement_.limit)) return Fail(begin, "a number");
    return ParseUnit();
  }

  bool ParseUnit() {
    SkipBlanks();
    const size_t begin = at_;
    const MetricTraits& traits = Traits(requirement_.metric);
    const std::string name = Take([](unsigned char c) { return !isspace(c); });
    SkipBlanks();
    if (at_ != text_.size()) return Fail(at_, "the end");
    if (name.empty()) return true;
    if (name == "%") {
      requirement_.is_share = true;
      requirement_.limit /= 100;
      const bool is_part = traits.whole != requirement_.metric || requirement_.selector;
      return is_part || Fail(begin, absl::StrCat("no %: ", traits.name,
                                                 " is no part of anything without a selector"));
    }
    const auto* unit = std::find_if(
        std::begin(kUnits), std::end(kUnits),
        [&](const UnitName& known) { return known.name == name && known.unit == traits.unit; });
    if (unit == std::end(kUnits)) return Fail(begin, ExpectedUnits(traits.unit));
    requirement_.limit *= unit->size;
    return true;
  }

  const std::string& text_;
  size_t at_ = 0;
  Requirement requirement_;
  std::string error_;
};

bool IsSelected(const Thing& thing, const Requirement& requirement) {
  if (thing.is_lock == Traits(requirement.metric).is_heap) return false;
  if (thing.is_lock) return requirement.selector->Matches(thing.name);
  return std::any_of(thing.frames.begin(), thing.frames.end(), [&](const SourceFrame& frame) {
    return requirement.selector->Matches(frame.function);
  });
}

struct Selected {
  Estimate value;
  size_t things = 0;
};
Selected Select(const Requirement& requirement, const Side& side) {
  if (!requirement.selector) return {IntervalOfMean(side.total[requirement.metric], side.runs), 1};
  Figure sum;
  size_t things = 0;
  for (const Thing& thing : side.things) {
    if (!IsSelected(thing, requirement)) continue;
    sum.Merge(thing.figures[requirement.metric]);
    ++things;
  }
  return {IntervalOfMean(sum, side.runs), things};
}

// The part's and the whole's ends in the worst case: they move together, which makes the truth narrower.
Estimate ShareOf(const Estimate& part, const Estimate& whole) {
  const auto divide = [](double a, double b) {
    return b > 0 ? std::min(a / b, 1.0) : a > 0 ? 1.0 : 0.0;
  };
  return {divide(part.value, whole.value), divide(part.low, whole.high),
          divide(part.high, whole.low)};
}

std::string FormatShareOf1(double share) { return absl::StrFormat("%.1f %%", share * 100); }

std::string FormatValue(const Estimate& value, const Requirement& requirement) {
  const Unit unit = Traits(requirement.metric).unit;
  const auto format = [&](double v) {
    return requirement.is_share ? FormatShareOf1(v) : FormatIn(unit, v);
  };
  if (value.IsExact()) return format(value.value);
  return absl::StrCat("~", format(value.value), " (", format(value.low), " to ", format(value.high),
                      ")");
}

}  // namespace

std::optional<Requirement> ParseRequirement(const std::string& text, std::string* error) {
  return Parser(text).Run(error);
}

Outcome JudgeEstimate(const Estimate& value, Comparator comparator, double limit) {
  const auto judge = [](bool surely, bool possibly) {
    return surely ? Outcome::kHolds : possibly ? Outcome::kUndecided : Outcome::kFails;
  };
  switch (comparator) {
    case Comparator::kLess:
      return judge(value.high < limit, value.low < limit);
    case Comparator::kLessOrEqual:
      return judge(value.high <= limit, value.low <= limit);
    case Comparator::kGreater:
      return judge(value.low > limit, value.high > limit);
    case Comparator::kGreaterOrEqual:
      return judge(value.low >= limit, value.high >= limit);
    case Comparator::kEqual:
      return judge(value.low == limit && value.high == limit,
                   value.low <= limit && limit <= value.high);
  }
  return Outcome::kFails;
}

Judgement Judge(const Requirement& requirement, const Side& side) {
  const MetricTraits& traits = Traits(requirement.metric);
  if (!(traits.is_heap ? side.has_heap : side.has_locks)) {
    return {Outcome::kFails,
            absl::StrCat(requirement.text, ": cannot be judged, since ",
                         traits.is_heap ? "the heap was" : "locks were", " not recorded")};
  }
  const Selected selected = Select(requirement, side);
  Estimate value = selected.value;
  if (requirement.is_share) {
    value = ShareOf(value, IntervalOfMean(side.total[traits.whole], side.runs));
  }
  const std::string of_whole =
      requirement.is_share ? absl::StrCat(" of ", Traits(traits.whole).name) : "";
  return {JudgeEstimate(value, requirement.comparator, requirement.limit),
          absl::StrCat(requirement.text, ": ", FormatValue(value, requirement), of_whole,
                       selected.things == 0 ? ", since nothing has such a name" : "", ", required ",
                       Name(requirement.comparator), " ",
                       FormatValue(Estimate::Exact(requirement.limit), requirement))};
}

}  // namespace perfagent
