#include "analyzer/gate/regressions.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/report/text_diff.h"

namespace perfagent {
namespace {

class Finder {
 public:
  Finder(const Comparison& comparison, double tolerance)
      : comparison_(comparison), tolerance_(tolerance) {
    for (const MetricChange& change : comparison.total) {
      if (change.metric == Metric::kPeakBytes) peak_grows_ = HasGrown(change);
    }
  }

  CheckResults Run() {
    Add("total", comparison_.total);
    for (const auto* things : {&comparison_.sites, &comparison_.locks}) {
      for (const ThingChange& thing : *things) Add(PlaceText(thing.match), thing.metrics);
    }
    return std::move(results_);
  }

 private:
  void Add(const std::string& name, const std::vector<MetricChange>& changes) {
    std::string grown;
    for (const MetricChange& change : changes) {
      if (!HasGrown(change) || (change.metric == Metric::kPeakBytes && !peak_grows_)) continue;
      absl::StrAppend(&grown, grown.empty() ? "" : ", ", Traits(change.metric).name, " ",
                      ChangeText(change));
    }
    if (grown.empty()) return;
    results_.push_back({absl::StrCat("no regression: ", name), Outcome::kFails,
                        absl::StrCat("regression: ", name, ": ", grown)});
  }

  bool HasGrown(const MetricChange& change) const {
    const double whole = comparison_.base.total[Traits(change.metric).whole].mean.value;
    return change.IsNamed() && change.difference.change.low > tolerance_ * whole;
  }

  const Comparison& comparison_;
  const double tolerance_;
  // A lower peak at another moment has other sites.
  bool peak_grows_ = false;
  CheckResults results_;
};

}  // namespace

CheckResults FindRegressions(const Comparison& comparison, double tolerance,
                             const std::string& baseline) {
  CheckResults results = Finder(comparison, tolerance).Run();
  if (!results.empty()) return results;
  return {{absl::StrCat("no regression against ", baseline), Outcome::kHolds,
           absl::StrCat("no regression against ", baseline, ": ", comparison.sites.size(),
                        " sites and ", comparison.locks.size(), " locks compared")}};
}

}  // namespace perfagent
