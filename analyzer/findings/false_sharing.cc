#include <map>

#include "absl/strings/str_cat.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr uint64_t kLineBytes = 64;
constexpr uint64_t kFewWaits = 10;

}  // namespace

void FindFalseSharing(const NamedProfile& named, Findings* findings) {
  std::map<uint64_t, const Lock*> hottest;  // by cache line
  for (const Lock* lock : LocksOfProgram(named)) {
    if (!lock->is_lock || lock->contended < kFewWaits) continue;
    const auto [found, is_first] = hottest.try_emplace(lock->address / kLineBytes, lock);
    if (is_first || found->second->address == lock->address) continue;
    Finding finding = Accuse(named, *lock, "false_sharing");
    finding.title = "two contended locks share a cache line";
    finding.evidence = {
        absl::StrCat("as near as ", absl::Hex(lock->address), " and ",
                     absl::Hex(found->second->address), ": ",
                     LockName(*found->second, &named.names)),
        absl::StrCat(FormatCount(static_cast<double>(lock->contended)), " and ",
                     FormatCount(static_cast<double>(found->second->contended)), " waits")};
    finding.gain = "each is no longer slowed down by the other's threads";
    finding.remedy = "alignas(64) for one of them";
    findings->push_back(std::move(finding));
  }
}

}  // namespace perfagent
