#include "analyzer/findings/merged_findings.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/compare/thing_names.h"
#include "analyzer/findings/all_findings.h"

namespace perfagent {
namespace {

// What is the same in every process, and in other builds as far as lines are.
std::string KeyOf(const Finding& finding) {
  std::string key =
      absl::StrCat(finding.kind, "\n", finding.where.lock_anywhere, "\n", finding.where.allocator);
  for (const SourceFrame& frame : OwnFrames(finding.where.stack))
    absl::StrAppend(&key, "\n", StableName(frame.function), ":", frame.line);
  return key;
}

// At least something: where all is at stake, it is so in a process of no length, too.
double DurationNs(const Profile& profile) {
  return std::max(static_cast<double>(profile.dump.process.facts.duration_ns), 1.0);
}
double PeakBytes(const Profile& profile) {
  return std::max(profile.heap.total.peak_bytes.value(), 1.0);
}

// Of two processes, whose errors are independent: the distances to the ends of the intervals add in squares (MOVER: Zou and
// Donner, 2008).
Estimate SumOfIndependent(const Estimate& a, const Estimate& b) {
  const double value = a.value + b.value;
  return {value, value - std::hypot(a.value - a.low, b.value - b.low),
          value + std::hypot(a.high - a.value, b.high - b.value)};
}

void Add(const Gains& more, Gains* gains) {
  for (const GainName& name : kGainNames) {
    const std::optional<Estimate>& amount = more.*name.amount;
    std::optional<Estimate>& sum = gains->*name.amount;
    if (amount) sum = SumOfIndependent(sum.value_or(Estimate()), *amount);
  }
}

// With frames of `names`.
Where Remake(const Where& where, StackNames* names) {
  Where remade = where;
  remade.lock = where.lock_anywhere;
  remade.address = 0;
  if (where.stack.empty()) return remade;
  const auto place = std::find(where.stack.begin(), where.stack.end(), where.place);
  remade.stack = names->Frames(names->Make(where.stack, /*is_truncated=*/false));
  remade.place = place == where.stack.end() ? nullptr : remade.stack[place - where.stack.begin()];
  return remade;
}

}  // namespace

void MergedFindings::Add(const NamedProfile& named, Findings findings) {
  ++processes_;
  duration_ns_ += DurationNs(named.profile);
  peak_bytes_ += PeakBytes(named.profile);
  if (findings.size() > kMostOfAProcess) {
    left_out_ += findings.size() - kMostOfAProcess;
    findings.resize(kMostOfAProcess);
  }
  for (Finding& finding : findings) {
    const double whole =
        finding.stake_in == StakeIn::kMemory ? PeakBytes(named.profile) : DurationNs(named.profile);
    const double stake = Urgency(finding) * whole;
    Add(named, std::move(finding), stake);
  }
}

void MergedFindings::Add(const NamedProfile& named, Finding finding, double stake) {
  const auto [found, is_new] = entry_at_.try_emplace(KeyOf(finding), entries_.size());
  if (is_new) entries_.emplace_back();
  Entry& entry = entries_[found->second];
  // Sites that differ in the standard library's frames alone are one here.
  if (entry.last_process != processes_) ++entry.processes;
  entry.last_process = processes_;
  entry.all += stake;
  perfagent::Add(finding.gains, &entry.finding.gains);
  if (!is_new && stake <= entry.most) return;
  entry.most = stake;
  Take(named, std::move(finding), &entry);
}

void MergedFindings::Take(const NamedProfile& named, Finding finding, Entry* entry) {
  const LoadedDump& dump = named.profile.dump;
  finding.where = Remake(finding.where, names_);
  finding.gains = entry->finding.gains;
  finding.spread = Spread{.pid = dump.process.facts.pid, .dump = dump.path};
  entry->finding = std::move(finding);
}

Findings MergedFindings::Finish() {
  for (Entry& entry : entries_) {
    const bool is_memory = entry.finding.stake_in == StakeIn::kMemory;
    entry.all /= is_memory ? peak_bytes_ : duration_ns_;
  }
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.all > b.all; });
  Findings findings;
  findings.reserve(entries_.size());
  for (Entry& entry : entries_) {
    entry.finding.stake = entry.all;
    entry.finding.spread->processes = entry.processes;
    entry.finding.spread->all_processes = processes_;
    findings.push_back(std::move(entry.finding));
  }
  entries_.clear();
  entry_at_.clear();
  return findings;
}

}  // namespace perfagent
