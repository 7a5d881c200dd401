#include "analyzer/report/unseen.h"

#include "absl/strings/str_cat.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

std::string Number(uint64_t count) { return FormatCount(static_cast<double>(count)); }

std::string ShareOf(uint64_t part, uint64_t whole) {
  return FormatShare(static_cast<double>(part), static_cast<double>(whole));
}

// "a, b and 3 more"
template <typename Items, typename Format>
std::string Listed(const Items& items, uint64_t limit, Format format) {
  std::string list;
  uint64_t shown = 0;
  for (const auto& item : items) {
    if (shown == limit) return absl::StrCat(list, " and ", items.size() - shown, " more");
    absl::StrAppend(&list, shown++ == 0 ? "" : ", ", format(item));
  }
  return list;
}

std::string StacksLine(const EventStacks& stacks) {
  return absl::StrCat("stacks: of ", Number(stacks.events), " events ", Number(stacks.truncated),
                      " (", ShareOf(stacks.truncated, stacks.events),
                      ") have one that ends early, ", Number(stacks.missing), " (",
                      ShareOf(stacks.missing, stacks.events), ") have none");
}

}  // namespace

void Unseen::Merge(const Unseen& other) {
  bypassed_by.insert(other.bypassed_by.begin(), other.bypassed_by.end());
  objects.insert(other.objects.begin(), other.objects.end());
  stacks.Merge(other.stacks);
  unpaired_frees += other.unpaired_frees;
  unpaired_reallocs += other.unpaired_reallocs;
  overlaps += other.overlaps;
  repaired_inversions += other.repaired_inversions;
  reentered += other.reentered;
  quiet_children += other.quiet_children;
  sandboxed += other.sandboxed;
  paused = paused || other.paused;
  recorders.insert(other.recorders.begin(), other.recorders.end());
  other_intervals.insert(other.other_intervals.begin(), other.other_intervals.end());
}

bool Unseen::SeesTheWholeHeap() const {
  return bypassed_by.empty() && objects.empty() && !paused && overlaps == 0;
}

bool Unseen::HidesTheHeap(const HeapProfile& heap) const {
  return !bypassed_by.empty() && heap.sites.empty();
}

Unseen UnseenIn(const Profile& profile) {
  const Process& process = profile.dump.process;
  Unseen unseen;
  if (!process.facts.bypassed_by.empty()) unseen.bypassed_by.insert(process.facts.bypassed_by);
  unseen.objects.insert(process.unseen_objects().begin(), process.unseen_objects().end());
  unseen.stacks = profile.heap.stacks;
  unseen.stacks.Merge(profile.locks.stacks);
  unseen.unpaired_frees = profile.heap.unpaired_frees;
  unseen.unpaired_reallocs = profile.heap.unpaired_reallocs;
  unseen.overlaps = profile.heap.overlaps;
  unseen.repaired_inversions = profile.heap.repaired_inversions;
  unseen.reentered = process.facts.Lost(Loss::kReentered);
  unseen.quiet_children = process.facts.Lost(Loss::kQuietChild);
  unseen.sandboxed = process.facts.Lost(Loss::kSandboxed);
  unseen.paused = process.facts.paused;
  if (!process.facts.recorder.empty()) unseen.recorders.insert(process.facts.recorder);
  unseen.other_intervals.insert(process.other_intervals().begin(), process.other_intervals().end());
  return unseen;
}

std::string OtherIntervals(const Unseen& unseen) {
  if (unseen.other_intervals.empty()) return "";
  const auto size = [](uint64_t bytes) { return FormatBytes(static_cast<double>(bytes)); };
  const uint64_t least = *unseen.other_intervals.begin(), most = *unseen.other_intervals.rbegin();
  return absl::StrCat(", then changed to a mean of ", least == 0 ? "0 B (each block)" : size(least),
                      least == most ? "" : absl::StrCat(" to ", size(most)), " between samples");
}

std::vector<std::string> UnseenLines(const Unseen& unseen, uint64_t limit) {
  std::vector<std::string> lines;
  for (const std::string& recorder : unseen.recorders) {
    lines.push_back(absl::StrCat(
        "threads, locks, reallocs as such, stacks of frees, and which of equal blocks was freed: "
        "not recorded by ",
        EscapeForTerminal(recorder)));
  }
  for (const std::string& object : unseen.bypassed_by) {
    lines.push_back(
        absl::StrCat("heap not recorded: ", EscapeForTerminal(object), " defines malloc itself"));
  }
  if (!unseen.objects.empty()) {
    lines.push_back(absl::StrCat("malloc calls of ", Number(unseen.objects.size()),
                                 " loaded objects, bound past the recording: ",
                                 Listed(unseen.objects, limit, EscapeForTerminal)));
  }
  if (unseen.recorders.empty() && unseen.stacks.truncated + unseen.stacks.missing > 0) {
    lines.push_back(StacksLine(unseen.stacks));
  }
  if (unseen.unpaired_frees + unseen.unpaired_reallocs > 0) {
    lines.push_back(absl::StrCat(
        "the beginning of blocks that ", Number(unseen.unpaired_frees), " frees and ",
        Number(unseen.unpaired_reallocs),
        " reallocs ended: from before the recording (or fork), or of an allocator not seen"));
  }
  if (unseen.overlaps > 0) {
    lines.push_back(absl::StrCat("the end of ", Number(unseen.overlaps),
                                 " blocks: another one began at their address"));
  }
  if (unseen.repaired_inversions > 0) {
    lines.push_back(absl::StrCat("the true order of ", Number(unseen.repaired_inversions),
                                 " frees: the clocks of two CPUs differed; repaired"));
  }
  if (unseen.paused) lines.push_back("what happens now: recording is paused");
  return lines;
}

}  // namespace perfagent
