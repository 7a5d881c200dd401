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

const char* Name(Mode mode) { return mode == Mode::kFull ? "full" : "sample"; }

std::string ModeText(const ProcessFacts& facts) {
  if (!facts.full_end) return Name(facts.mode);
  return absl::StrCat("full until ", FormatDuration(static_cast<double>(facts.full_end->time_ns)),
                      " (the file was nearly full), sampled after that");
}

std::string LockName(const Lock& lock, StackNames* names) {
  std::string data = names->DataName(lock.address);
  if (!data.empty()) return data;
  std::string name = absl::StrCat(Name(lock.kind), " 0x", absl::Hex(lock.address));
  const SourceFrame* waiter = names->Headline(lock.first_wait);
  if (waiter == nullptr && !lock.callers.empty()) {
    waiter = names->Headline(lock.callers.front().pc);
  }
  if (waiter == nullptr) return name;
  return absl::StrCat(name, ", first waited for in ", waiter->function);
}

std::vector<const Lock*> ContendedLocks(const LockProfile& locks) {
  std::vector<const Lock*> contended;
  for (const Lock& lock : locks.locks) {
    if (lock.contended > 0) contended.push_back(&lock);
  }
  std::stable_sort(contended.begin(), contended.end(), [](const Lock* a, const Lock* b) {
    return a->wait_ns != b->wait_ns ? a->wait_ns > b->wait_ns : a->contended > b->contended;
  });
  return contended;
}

}  // namespace perfagent
