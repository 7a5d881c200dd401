#include "analyzer/views/findings_in_view.h"

#include "absl/container/flat_hash_set.h"

namespace perfagent {
namespace {

bool IsInView(const HeapSite& site) {
  const HeapMetrics& metrics = site.metrics;
  return metrics.allocations.seen() > 0 || metrics.frees.seen() > 0;
}

absl::flat_hash_set<StackId> SitesInView(const HeapProfile& heap) {
  absl::flat_hash_set<StackId> sites;
  for (const HeapSite& site : heap.sites) {
    if (IsInView(site)) sites.insert(site.stack);
  }
  return sites;
}

absl::flat_hash_set<uint64_t> LocksInView(const LockProfile& locks) {
  absl::flat_hash_set<uint64_t> addresses;
  for (const Lock& lock : locks.locks) {
    if (lock.contended > 0) addresses.insert(lock.address);
  }
  for (const UnendedWait& wait : locks.unended)
    addresses.insert(locks.locks[wait.lock.value()].address);
  return addresses;
}

}  // namespace

Findings FindingsInView(Findings whole, const Profile& viewed) {
  const absl::flat_hash_set<StackId> sites = SitesInView(viewed.heap);
  const absl::flat_hash_set<uint64_t> locks = LocksInView(viewed.locks);
  std::erase_if(whole, [&](const Finding& finding) {
    const Where& where = finding.where;
    if (where.IsLock()) return !locks.contains(where.address);
    return !where.site || !sites.contains(*where.site);
  });
  return whole;
}

}  // namespace perfagent
