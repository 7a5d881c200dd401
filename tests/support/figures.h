// figures.h: sites and sides of a comparison, as tests need them.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "analyzer/compare/figures.h"

namespace perfagent::test {

inline Figure ExactFigure(double value, double run_variance = 0) {
  return {Estimate::Exact(value), run_variance};
}

// A site in functions of /app: {"Grow", 15} called from {"main", 39}.
inline Thing SiteOf(std::initializer_list<std::pair<std::string, int>> frames,
                    double allocations = 1) {
  Thing site;
  site.kind = "malloc";
  for (const auto& [function, line] : frames) {
    site.frames.push_back(
        {function, line == 0 ? "" : "app.cc", line, "/app"});  // without a name, neither
  }
  site.name = site.frames.front().function;
  site.figures[Metric::kAllocations] = ExactFigure(allocations);
  return site;
}

inline Thing LockOf(const std::string& name, double wait_ns) {
  Thing lock;
  lock.is_lock = true;
  lock.kind = "mutex";
  lock.name = name;
  lock.figures[Metric::kWaitNs] = ExactFigure(wait_ns);
  return lock;
}

// One run, in which everything was recorded. `build` is the build id of /app.
inline Side SideOf(std::vector<Thing> things, const std::string& build = "1") {
  Side side;
  side.runs = side.processes = 1;
  side.builds["app"] = {build};
  for (const Thing& thing : things) {
    ForEachMetric([&](Metric metric) { side.total[metric].Merge(thing.figures[metric]); });
  }
  side.things = std::move(things);
  return side;
}

}  // namespace perfagent::test
