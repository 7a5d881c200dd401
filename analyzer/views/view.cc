#include "analyzer/views/view.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace perfagent {
namespace {

constexpr std::string_view kMarkPrefix = "mark:";

struct Unit {
  std::string_view name;
  double ns;
};
constexpr Unit kUnits[] = {{"ns", 1},  {"us", 1e3}, {"ms", 1e6},
                           {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};

bool ParsePattern(const char* option, const std::string& text, std::optional<Pattern>* pattern,
                  std::string* error) {
  if (text.empty()) return true;
  std::string reason;
  *pattern = Pattern::Compile(text, &reason);
  if (!*pattern) *error = absl::StrCat(option, " ", text, ": no regular expression: ", reason);
  return pattern->has_value();
}

bool ParseTime(const char* option, const std::string& text, std::optional<PointInTime>* time,
               std::string* error) {
  if (text.empty()) return true;
  *time = ParsePointInTime(text);
  if (!*time) {
    *error = absl::StrCat(option, " ", text,
                          ": expected a time since the start such as 2.5s or 300ms, or mark:TEXT");
  }
  return time->has_value();
}

// Where the phase begins; a mark that was set several times, the first time.
std::optional<uint64_t> FindMark(const Process& process, const std::string& text,
                                 std::string* error) {
  std::vector<std::string> known;
  for (const Mark& mark : process.marks()) {
    if (mark.text == text) return mark.time_ns;
    if (std::find(known.begin(), known.end(), mark.text) == known.end()) known.push_back(mark.text);
  }
  constexpr size_t kMostNamed = 10;
  if (known.size() > kMostNamed) known.resize(kMostNamed);
  *error =
      absl::StrCat("no mark \"", text, "\"; there ",
                   known.empty() ? "is none" : absl::StrCat("is ", absl::StrJoin(known, ", ")));
  return std::nullopt;
}

bool Resolve(const std::optional<PointInTime>& point, const Process& process, uint64_t* time_ns,
             std::string* error) {
  if (!point) return true;
  if (const uint64_t* ns = std::get_if<uint64_t>(&*point)) {
    *time_ns = *ns;
    return true;
  }
  const std::optional<uint64_t> found = FindMark(process, std::get<std::string>(*point), error);
  if (found) *time_ns = *found;
  return found.has_value();
}

}  // namespace

bool Matches(const Pattern& pattern, const SourceFrame& frame) {
  return pattern.Matches(frame.function) || pattern.Matches(frame.file) ||
         pattern.Matches(frame.module);
}

std::optional<PointInTime> ParsePointInTime(const std::string& text) {
  if (text.starts_with(kMarkPrefix)) return text.substr(kMarkPrefix.size());
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (code != std::errc() || !(number >= 0)) return std::nullopt;
  const std::string_view unit(at, static_cast<size_t>(end - at));
  if (unit.empty() && number == 0) return uint64_t{0};
  const auto known = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const Unit& candidate) { return candidate.name == unit; });
  constexpr double kMostNs = 9e18;
  if (known == std::end(kUnits) || number * known->ns > kMostNs) return std::nullopt;
  return static_cast<uint64_t>(std::round(number * known->ns));
}

std::optional<View> View::Parse(const ViewOptions& options, std::string* error) {
  View view;
  view.options_ = options;
  const std::string& thread = options.thread;
  uint64_t tid = 0;
  const bool is_tid = absl::SimpleAtoi(thread, &tid);
  if (is_tid) view.tid_ = tid;
  if (!ParsePattern("--focus", options.focus, &view.focus_, error) ||
      !ParsePattern("--ignore", options.ignore, &view.ignore_, error) ||
      !ParsePattern("--hide", options.hide, &view.hide_, error) ||
      !ParsePattern("--thread", is_tid ? "" : thread, &view.thread_, error) ||
      !ParseTime("--since", options.since, &view.since_, error) ||
      !ParseTime("--until", options.until, &view.until_, error)) {
    return std::nullopt;
  }
  return view;
}

std::string View::Description() const {
  const std::pair<const char*, const std::string&> all[] = {
      {"focus ", options_.focus},   {"ignore ", options_.ignore}, {"hide ", options_.hide},
      {"thread ", options_.thread}, {"since ", options_.since},   {"until ", options_.until}};
  std::vector<std::string> parts;
  for (const auto& [name, text] : all) {
    if (!text.empty()) parts.push_back(name + text);
  }
  return absl::StrJoin(parts, ", ");
}

std::optional<EventView> View::EventsOf(const LoadedDump& dump, StackNames* names,
                                        std::string* error) const {
  EventView events;
  if (!Resolve(since_, dump.process, &events.since_ns, error) ||
      !Resolve(until_, dump.process, &events.until_ns, error)) {
    *error = absl::StrCat(dump.path, ": ", *error);
    return std::nullopt;
  }
  if (events.since_ns >= events.until_ns) {
    *error = absl::StrCat(dump.path, ": --since ", options_.since, " is not before --until ",
                          options_.until);
    return std::nullopt;
  }
  if (tid_ || thread_) {
    events.has_thread = [this](uint64_t tid, std::string_view name) {
      return HasThread(tid, std::string(name));
    };
  }
  events.stacks = Stacks(dump.process, names);
  return events;
}

bool View::HasThread(uint64_t tid, const std::string& name) const {
  return tid_ ? tid == *tid_ : thread_->Matches(name);
}

std::vector<bool> View::Stacks(const Process& process, StackNames* names) const {
  if (!focus_ && !ignore_) return {};
  // Each address is looked at once.
  absl::flat_hash_map<Frame, bool> known;
  const auto stacks_with = [&](const Pattern& pattern) {
    known.clear();
    return process.StacksWith([&](const Frame& frame) {
      const auto [found, is_new] = known.try_emplace(frame);
      if (is_new) {
        found->second = names->AnyAt(
            frame, [&](const SourceFrame& source) { return Matches(pattern, source); });
      }
      return found->second;
    });
  };
  std::vector<bool> kept =
      focus_ ? stacks_with(*focus_) : std::vector<bool>(process.stack_count(), true);
  if (!ignore_) return kept;
  const std::vector<bool> ignored = stacks_with(*ignore_);
  for (size_t i = 0; i < kept.size(); ++i) kept[i] = kept[i] && !ignored[i];
  return kept;
}

void LeaveOutStacks(Profile* profile) {
  const EventView& view = profile->view;
  if (view.stacks.empty()) return;
  profile->heap.LeaveOut([&](const HeapSite& site) { return !view.HasStack(site.stack); });
}

}  // namespace perfagent
