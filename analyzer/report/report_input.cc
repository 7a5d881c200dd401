#include "analyzer/report/report_input.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/report/format.h"

namespace perfagent {
const char* Name(Ended ended) {
  switch (ended) {
    case Ended::kExited:
      return "exited";
    case Ended::kKilled:
      return "killed";
    case Ended::kRunning:
      return "running";
  }
  return "";
}

std::string HowItEnded(const ProcessFacts& facts) {
  switch (facts.ended) {
    case Ended::kExited:
      return facts.exit_status ? absl::StrCat("exited with status ", *facts.exit_status)
                               : "exited by quick_exit";
    case Ended::kKilled:
      return "killed (or replaced by exec)";
    case Ended::kRunning:
      return "still running";
  }
  return "";
}

const char* Name(Mode mode) { return mode == Mode::kFull ? "full" : "sample"; }

std::string ModeText(const ProcessFacts& facts) {
  if (!facts.full_end) return Name(facts.mode);
  return absl::StrCat("full until ", FormatDuration(static_cast<double>(facts.full_end->time_ns)),
                      " (the file was nearly full), sampled after that");
}

const Lock* LockAt(uint64_t address, const LockProfile& locks) {
  const Lock* best = nullptr;
  for (const Lock& lock : locks.locks) {
    if (lock.address != address) continue;
    if (best == nullptr || lock.wait_ns > best->wait_ns) best = &lock;
  }
  return best;
}

std::string LockNameAt(uint64_t address, const NamedProfile& named) {
  const Lock* lock = LockAt(address, named.profile.locks);
  return lock != nullptr ? LockName(*lock, &named.names)
                         : LockName({.address = address}, &named.names);
}

std::string SharedLockNameAt(uint64_t address, const NamedProfile& named) {
  const Lock* lock = LockAt(address, named.profile.locks);
  return lock != nullptr ? SharedLockName(*lock, &named.names)
                         : SharedLockName({.address = address}, &named.names);
}

std::vector<const Lock*> KnownLocks(const LockProfile& locks) {
  std::vector<const Lock*> known;
  for (const Lock& lock : locks.locks) {
    const bool was_followed = !lock.holds->sections.IsEmpty();
    if (lock.contended > 0 || lock.refused > 0 || was_followed) known.push_back(&lock);
  }
  std::stable_sort(known.begin(), known.end(), [](const Lock* a, const Lock* b) {
    if (a->wait_ns != b->wait_ns) return a->wait_ns > b->wait_ns;
    if (a->contended != b->contended) return a->contended > b->contended;
    return a->holds->hold_ns.value() > b->holds->hold_ns.value();
  });
  return known;
}

std::optional<double> Utilisation(const Lock& lock, const ProcessFacts& facts) {
  if (lock.holds->sections.IsEmpty() || facts.duration_ns == 0) return std::nullopt;
  return lock.holds->hold_ns.value() / static_cast<double>(facts.duration_ns);
}

std::optional<double> Utilisation(const Lock& lock, const Profile& profile) {
  if (!profile.view.IsEverything()) return std::nullopt;
  return Utilisation(lock, profile.dump.process.facts);
}

}  // namespace perfagent
