#include "analyzer/compare/match.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/compare/thing_names.h"
#include "analyzer/model/function_names.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {
namespace {

using Things = std::vector<Thing>;
using Lines = std::vector<uint64_t>;

// By lines, outermost first: as a reader meets them.
void SortByLines(Things* things) {
  std::stable_sort(things->begin(), things->end(), [](const Thing& a, const Thing& b) {
    const Lines x = LinesOf(a), y = LinesOf(b);
    return std::lexicographical_compare(x.rbegin(), x.rend(), y.rbegin(), y.rend());
  });
}

// Things become one, which looks like the largest of them.
Thing Merged(Things things) {
  const auto weight = [](const Thing& thing) {
    return thing.figures[thing.is_lock ? Metric::kWaitNs : Metric::kAllocations].mean.value;
  };
  const auto largest =
      std::max_element(things.begin(), things.end(),
                       [&](const Thing& a, const Thing& b) { return weight(a) < weight(b); });
  std::iter_swap(things.begin(), largest);
  Thing merged = std::move(things.front());
  for (size_t i = 1; i < things.size(); ++i) {
    ForEachMetric([&](Metric metric) { merged.figures[metric].Merge(things[i].figures[metric]); });
  }
  return merged;
}

class Matcher {
 public:
  Matcher(const Side& base, const Side& now)
      : base_(base),
        now_(now),
        sees_all_(base.widest_interval_bytes == 0 && now.widest_interval_bytes == 0) {}

  std::vector<Match> Run(Things base, Things now) {
    std::map<std::string, std::pair<Things, Things>> by_key;
    for (Thing& thing : base) by_key[Key(thing)].first.push_back(std::move(thing));
    for (Thing& thing : now) by_key[Key(thing)].second.push_back(std::move(thing));
    for (auto& [key, both] : by_key) MatchKey(std::move(both.first), std::move(both.second));
    return std::move(matches_);
  }

 private:
  std::string Key(const Thing& thing) const {
    const auto is_same = [this](const std::string& file) { return IsSameBuild(file); };
    return absl::StrCat(thing.is_lock ? "L" : "S", KeyOf(thing, is_same));
  }

  bool IsSameBuild(const std::string& file) const {
    const auto a = base_.builds.find(file), b = now_.builds.find(file);
    return a != base_.builds.end() && b != now_.builds.end() && a->second == b->second &&
           a->second.size() == 1 && !a->second.begin()->empty();
  }
  bool IsSameBuild(const Thing& thing) const {
    return std::all_of(thing.frames.begin(), thing.frames.end(), [this](const SourceFrame& frame) {
      return IsSameBuild(BaseName(frame.module));
    });
  }

  void MatchKey(Things base, Things now) {
    SortByLines(&base);
    SortByLines(&now);
    if (base.empty() || now.empty() || HaveSameLines(base, now)) {
      MatchByLine(std::move(base), std::move(now));
    } else if (sees_all_ && base.size() == now.size()) {
      for (size_t i = 0; i < base.size(); ++i) Add(std::move(base[i]), std::move(now[i]));
    } else {
      Add(Merged(std::move(base)), Merged(std::move(now)));
    }
  }

  bool HaveSameLines(const Things& base, const Things& now) const {
    if (IsSameBuild(base.front()) && IsSameBuild(now.front())) return true;
    return std::equal(base.begin(), base.end(), now.begin(), now.end(),
                      [](const Thing& a, const Thing& b) { return LinesOf(a) == LinesOf(b); });
  }

  void MatchByLine(Things base, Things now) {
    std::map<Lines, std::pair<Things, Things>> by_line;
    for (Thing& thing : base) by_line[LinesOf(thing)].first.push_back(std::move(thing));
    for (Thing& thing : now) by_line[LinesOf(thing)].second.push_back(std::move(thing));
    for (auto& [line, both] : by_line) Add(One(std::move(both.first)), One(std::move(both.second)));
  }
  // Addresses that became one name ("libx.so+?") have the same lines.
  static std::optional<Thing> One(Things things) {
    if (things.empty()) return std::nullopt;
    return Merged(std::move(things));
  }

  void Add(std::optional<Thing> base, std::optional<Thing> now) {
    matches_.push_back({std::move(base), std::move(now)});
  }

  const Side& base_;
  const Side& now_;
  const bool sees_all_;
  std::vector<Match> matches_;
};

}  // namespace

std::vector<Match> MatchThings(Side* base, Side* now) {
  Things of_base = std::exchange(base->things, {}), of_now = std::exchange(now->things, {});
  return Matcher(*base, *now).Run(std::move(of_base), std::move(of_now));
}

}  // namespace perfagent
