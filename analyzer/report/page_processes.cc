#include "analyzer/report/page_processes.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace perfagent {
namespace {

using Amounts = std::array<double, 4>;

Amounts AmountsOf(const Profile& profile) {
  const HeapMetrics& heap = profile.heap.total;
  return {heap.bytes.value(), heap.peak_bytes.value(), heap.leaked_bytes.value(),
          static_cast<double>(profile.locks.wait_ns)};
}

double GreatestShare(const Amounts& amounts, const Amounts& of) {
  double greatest = 0;
  for (size_t i = 0; i < of.size(); ++i) {
    if (of[i] > 0) greatest = std::max(greatest, amounts[i] / of[i]);
  }
  return greatest;
}

}  // namespace

PageProcesses ProcessesOfPage(std::span<const NamedProfile> profiles) {
  Amounts all = {};
  for (const NamedProfile& named : profiles) {
    const Amounts amounts = AmountsOf(named.profile);
    for (size_t i = 0; i < all.size(); ++i) all[i] += amounts[i];
  }
  using Rank = std::pair<bool, double>;
  std::vector<Rank> ranks;
  ranks.reserve(profiles.size());
  for (const NamedProfile& named : profiles) {
    const bool has_findings = named.findings != nullptr && !named.findings->empty();
    ranks.emplace_back(has_findings, GreatestShare(AmountsOf(named.profile), all));
  }
  std::vector<size_t> order(profiles.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return ranks[a] > ranks[b]; });
  std::vector<bool> is_whole(profiles.size());
  for (size_t i = 0; i < std::min(order.size(), kMostPageProcesses); ++i) is_whole[order[i]] = true;
  PageProcesses page;
  for (size_t i = 0; i < profiles.size(); ++i)
    (is_whole[i] ? page.whole : page.small).push_back(profiles[i]);
  return page;
}

}  // namespace perfagent
