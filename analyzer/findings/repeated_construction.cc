#include <map>

#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/model/function_names.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Of an allocation inside of such a construction, with what is computed around it: 45 ns of a std::regex
// (samples/heap_findings repeated_construction).
constexpr double kBuildNs = 2 * kPairNs;
// Names are looked up for those that may matter.
constexpr size_t kMostSites = 200;
// A loop's constructions are spread over the recording; at the start things are built once.
constexpr size_t kLeastSlots = 3;

struct Costly {
  const char* constructor;  // how its qualified name begins
  const char* what;
};
constexpr Costly kCostly[] = {
    {"std::__cxx11::basic_regex<", "std::regex"},
    {"std::basic_regex<", "std::regex"},
    {"std::__detail::_Compiler<", "std::regex"},
    {"boost::basic_regex<", "boost::regex"},
    {"re2::RE2::", "RE2"},
    {"regex::regex::string::Regex::new", "Regex"},
    {"regcomp", "a regular expression (regcomp)"},
    {"pcre_compile", "a regular expression (PCRE)"},
    {"pcre2_compile", "a regular expression (PCRE)"},
    {"std::locale::locale", "std::locale"},
    {"newlocale", "a locale (newlocale)"},
    {"std::random_device::", "std::random_device"},
    {"iconv_open", "a converter (iconv_open)"},
};

const Costly* CostlyOf(const std::string& function) {
  const std::string name = QualifiedName(function);
  for (const Costly& costly : kCostly) {
    if (name.starts_with(costly.constructor)) return &costly;
  }
  return nullptr;
}

// Sites below one caller of one kind of constructor.
struct Group {
  const Costly* costly;
  std::vector<const HeapSite*> sites = {};
  Tally allocations = {};
  Tally bytes = {};
  SiteHistory history = {};

  void Add(const HeapSite& site) {
    sites.push_back(&site);
    allocations.Merge(site.metrics.allocations);
    bytes.Merge(site.metrics.bytes);
    history.Merge(site.evidence.history);
  }
  bool IsSpread() const {
    const std::span<const SiteHistory::Change> changes = history.changes();
    return static_cast<size_t>(std::count_if(
               changes.begin(), changes.end(),
               [](const SiteHistory::Change& change) { return change.calls > 0; })) >= kLeastSlots;
  }
};

// The outermost such function, and the frame that called it.
struct Construction {
  const Costly* costly = nullptr;
  const SourceFrame* caller = nullptr;
};
Construction ConstructionOn(const std::vector<const SourceFrame*>& stack) {
  Construction found;
  for (size_t i = 0; i + 1 < stack.size(); ++i) {
    if (const Costly* costly = CostlyOf(stack[i]->function)) found = {costly, stack[i + 1]};
  }
  return found;
}

std::vector<Group> GroupsOf(const HeapCase& heap) {
  const std::vector<const HeapSite*> sites =
      heap.Sites([](const HeapSite& site) { return site.metrics.allocations.value(); });
  std::map<const SourceFrame*, size_t> group_of;
  std::vector<Group> groups;
  for (size_t i = 0; i < std::min(sites.size(), kMostSites); ++i) {
    const Construction found = ConstructionOn(heap.named().names.Frames(sites[i]->stack));
    if (found.costly == nullptr) continue;
    const auto [group, is_new] = group_of.try_emplace(found.caller, groups.size());
    if (is_new) groups.push_back({found.costly});
    groups[group->second].Add(*sites[i]);
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return a.allocations.value() > b.allocations.value();
  });
  return groups;
}

}  // namespace

void FindRepeatedConstruction(HeapCase* heap, Findings* findings) {
  for (const Group& group : GroupsOf(*heap)) {
    const double cost_ns = group.allocations.value() * kBuildNs;
    if (cost_ns < kWorthTime * heap->busy_ns() || group.allocations.value() < kManyCalls) return;
    if (!group.IsSpread()) continue;
    const HeapSite& first = *group.sites.front();
    Finding finding = heap->Accuse(first, "repeated_construction");
    finding.title = absl::StrCat(group.costly->what, " is built again and again");
    finding.evidence = {absl::StrCat(Count(group.allocations), " allocations, ", Size(group.bytes),
                                     ", in constructions that one line calls, throughout the "
                                     "recording")};
    finding.gains = {.time_ns = OfItsTime(*heap, CostOf(group.allocations, kBuildNs)),
                     .calls = group.allocations.Interval()};
    finding.gain = TimeGain(*heap, *finding.gains.time_ns);
    finding.remedy = "build it once: static const, a member, or before the loop";
    finding.confidence = heap->Trust(first, Confidence::kHigh);
    finding.stake = cost_ns / heap->busy_ns();
    findings->push_back(std::move(finding));
    for (const HeapSite* site : group.sites) heap->Explain(*site);
  }
}

}  // namespace perfagent
