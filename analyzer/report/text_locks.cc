#include "analyzer/report/text_locks.h"

#include <algorithm>

#include "analyzer/model/frame_kinds.h"
#include "analyzer/report/format.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"
#include "analyzer/report/text_view.h"

namespace perfagent {
namespace {

constexpr size_t kMaxCallers = 3;
constexpr size_t kMaxThreads = 3;
constexpr size_t kMaxStacks = 3;
constexpr size_t kMaxPairs = 3;
// From the one that a reader would call the place.
constexpr size_t kMaxFrames = 3;

class LockWriter : private LineWriter {
 public:
  LockWriter(const NamedProfile& named, uint64_t limit, Output* output)
      : LineWriter(output, 13),
        named_(named),
        locks_(named.profile.locks),
        process_(named.profile.dump.process),
        limit_(limit) {
    for (const Lock* lock : KnownLocks(locks_)) {
      if (lock->contended == 0 && lock->refused == 0) continue;
      (lock->is_lock ? contended_ : others_).push_back(lock);
    }
  }

  void Write() {
    WriteTotals();
    WriteDeadlocks();
    WriteUnended();
    WriteOrders();
    WriteList("CONTENTION: locks by wait time", contended_, &LockWriter::WriteLock);
    if (others_.empty()) return;
    WriteList("WAITING: for conditions and what else is no lock, by time", others_,
              &LockWriter::WriteOther);
  }

 private:
  void Heading(const std::string& text) {
    Line();
    Line(text);
  }

  void WriteTotals() {
    Heading("LOCKS");
    if (locks_.tables) {
      Fact("showing", LocksShown(locks_));
    } else {
      Fact("acquired", Count(locks_.acquisitions), " times");
    }
    const char* about = locks_.doubt.more.contended > 0 ? "~" : "";
    Fact("contended", about, Count(locks_.contended), " times, waited ", about,
         Time(locks_.wait_ns), " in all");
    if (*about != 0) {
      Line(
          "               estimated from the kept waits: tables of all waits know no stack, thread "
          "or time");
    }
    if (!locks_.hand_over_ns.IsEmpty()) {
      Fact("hand-over", Time(locks_.hand_over_ns), ": from the last release to the end of a wait");
    }
    if (!locks_.unattributed_ns.IsEmpty()) {
      Fact("unattributed", Time(locks_.unattributed_ns), ": whoever held the locks was not seen");
    }
  }

  template <typename WriteOne>
  void WriteList(const char* heading, const std::vector<const Lock*>& locks, WriteOne write) {
    Heading(heading);
    if (locks.empty()) Line("  none");
    const size_t shown = std::min<uint64_t>(limit_, locks.size());
    for (size_t i = 0; i < shown; ++i) (this->*write)(*locks[i]);
    if (shown < locks.size()) Line("  and ", locks.size() - shown, " more");
  }

  // "thread 4711 (worker)".
  std::string ThreadText(uint64_t tid) const {
    const std::string_view name = process_.ThreadName(tid);
    if (name.empty()) return absl::StrCat("thread ", tid);
    return absl::StrCat("thread ", tid, " (", EscapeForTerminal(name), ")");
  }

  std::string NameText(const Lock& lock) const {
    return EscapeForTerminal(LockName(lock, &named_.names));
  }

  void WriteDeadlocks() {
    for (const std::vector<size_t>& cycle : locks_.deadlocks) {
      Heading(absl::StrCat(
          "DEADLOCK: ", cycle.size(),
          cycle.size() == 1 ? " thread waits for itself" : " threads wait for one another"));
      for (const size_t i : cycle) WriteUnendedWait(locks_.unended[i]);
    }
  }

  // Conditions and the like are waited for by every idle thread.
  void WriteUnended() {
    std::vector<const UnendedWait*> waits;
    for (const UnendedWait& wait : locks_.unended) {
      if (locks_.locks[wait.lock.value()].is_lock) waits.push_back(&wait);
    }
    const size_t others = locks_.unended.size() - waits.size();
    if (locks_.unended.empty()) return;
    Heading("ONGOING WAITS: at the end of the recording");
    const size_t shown = std::min<uint64_t>(limit_, waits.size());
    for (size_t i = 0; i < shown; ++i) WriteUnendedWait(*waits[i]);
    if (shown < waits.size()) Line("  and ", waits.size() - shown, " more");
    if (others > 0) Line("  ", others, " threads waited for what is no lock");
  }

  void WriteUnendedWait(const UnendedWait& wait) {
    const uint64_t end_ns = process_.facts.duration_ns;
    Line("  ", ThreadText(wait.tid), " waits for ", NameText(locks_.locks[wait.lock.value()]));
    Line("       since ", Time(wait.begin_ns), ", for ",
         Time(end_ns - std::min(end_ns, wait.begin_ns)), " in ", Name(wait.api),
         wait.owner_tid == 0 ? ""
                             : absl::StrCat(", held by ", ThreadText(wait.owner_tid), " at first"));
    WriteShortStack("       at      ", wait.stack, wait.caller);
  }

  void WriteOrders() {
    if (locks_.order_cycles.empty()) return;
    Heading("LOCK ORDER: taken in orders that can deadlock");
    const size_t shown = std::min<uint64_t>(limit_, locks_.order_cycles.size());
    for (size_t i = 0; i < shown; ++i) {
      for (const LockOrder& order : locks_.order_cycles[i]) {
        Line("  ", EscapeForTerminal(LockNameAt(order.lock, named_)), ", then ",
             EscapeForTerminal(LockNameAt(order.then, named_)), ": seen ", Count(order.count),
             " times");
        WriteShortStack("       at      ", order.stack, 0);
      }
      if (i + 1 < shown) Line();
    }
    if (shown < locks_.order_cycles.size()) {
      Line("  and ", locks_.order_cycles.size() - shown, " more cycles");
    }
  }

  static std::string WaitsText(const Waits& waits) {
    return absl::StrCat(Count(waits.contended), " waits, ", Time(waits.wait_ns));
  }

  void WriteName(const Lock& lock) {
    Line("  [L", ++number_, "] ", NameText(lock));
    if (lock.allocation) WriteAllocation(*lock.allocation);
    if (const MappedFile* file = FileOf(lock, named_.names)) WriteMapping(*file);
  }

  void WriteMapping(const MappedFile& file) {
    Line("       shared: at +0x", absl::Hex(file.offset), " of device ", DeviceText(file.device),
         ", inode ", file.inode);
  }

  void WriteAllocation(const LockAllocation& allocation) {
    const SourceFrame* place = named_.names.Headline(allocation.stack);
    Line("       at +0x", absl::Hex(allocation.offset), " of ", Count(allocation.size),
         " bytes allocated by ", place == nullptr ? "an unknown function" : Place(*place),
         allocation.is_followed ? "" : ", if these were not freed since (sampling dropped them)");
  }

  // Several locks were at one address, and what each has of the waits there is estimated.
  static const char* AboutIf(const Doubt& doubt) { return doubt.more.contended > 0 ? "~" : ""; }

  std::string KindText(const Lock& lock) const {
    const std::string at =
        StackNames::IsMade(lock.address) ? "" : absl::StrCat(" at 0x", absl::Hex(lock.address));
    return absl::StrCat(Name(lock.kind), at, ": ", AboutIf(DoubtOf(lock)),
                        WaitsText({lock.contended, lock.wait_ns}));
  }

  void WriteLock(const Lock& lock) {
    WriteName(lock);
    Line("       ", KindText(lock), " (",
         FormatShare(static_cast<double>(lock.wait_ns), static_cast<double>(locks_.wait_ns)),
         "), longest ", Time(lock.longest_wait_ns), ContendedShare(lock));
    if (lock.kind == LockKind::kRwlock) {
      Line("       readers: ", WaitsText(lock.readers), "; writers: ", WaitsText(WritersOf(lock)));
      WriteWaitedFor("readers", lock.rwlock->readers_waited);
      WriteWaitedFor("writers", lock.rwlock->writers_waited);
    }
    WriteWaitDistribution(lock);
    WriteHolds(lock);
    WriteInside(lock);
    WritePairs(lock, "holder");
    WriteRest(lock);
    WriteCallers(lock);
    WriteThreads(lock);
    WriteStacks(lock);
  }

  void WriteWaitedFor(const char* who, const WaitedFor& waited) {
    if (waited.for_readers_ns.IsEmpty() && waited.for_writers_ns.IsEmpty()) return;
    Line("       ", who, " waited ", Time(waited.for_readers_ns), " for readers, ",
         Time(waited.for_writers_ns), " for writers");
  }

  void WriteWakes(const Lock& lock) {
    const uint64_t broadcasts = BroadcastsOf(lock);
    if (broadcasts == 0 && lock.futile_wakes == 0) return;
    Line("       broadcasts: ", Count(broadcasts), ", signals: ", Count(lock.released - broadcasts),
         "; woken for nothing: ", AboutIf(DoubtOf(lock)), Count(lock.futile_wakes));
  }

  void WriteOther(const Lock& lock) {
    WriteName(lock);
    Line("       ", KindText(lock), ", longest ", Time(lock.longest_wait_ns));
    if (lock.kind == LockKind::kCondition && !lock.reacquire_ns.IsEmpty()) {
      Line("       of it ", Time(lock.reacquire_ns),
           " after the first signal: for the mutex, or until it was this thread's turn");
    }
    if (lock.kind == LockKind::kCondition) WriteWakes(lock);
    WriteWaitDistribution(lock);
    WritePairs(lock, "waker");
    WriteCallers(lock);
    WriteThreads(lock);
    WriteStacks(lock);
  }

  static std::string ContendedShare(const Lock& lock) {
    const Tally& acquisitions =
        lock.sampled_acquisitions.IsEmpty() ? lock.holds->sections : lock.sampled_acquisitions;
    if (acquisitions.IsEmpty()) return "";
    const auto contended = static_cast<double>(lock.contended);
    return absl::StrCat("; ", FormatShare(contended, std::max(contended, acquisitions.value())),
                        " of ", FormatCount(std::max(contended, acquisitions.value())),
                        " acquisitions waited");
  }

  static std::string DistributionText(const WeightedQuantiles& quantiles) {
    return absl::StrCat("half up to ", Time(quantiles.Quantile(0.5)), ", 99 % up to ",
                        Time(quantiles.Quantile(0.99)));
  }

  void WriteWaitDistribution(const Lock& lock) {
    if (lock.wait_distribution.IsEmpty()) return;
    Line("       waits   ", DistributionText(lock.wait_distribution));
  }

  void WriteHolds(const Lock& lock) {
    const LockHolds& holds = *lock.holds;
    if (holds.sections.IsEmpty()) return;
    Line("       held    ", Time(holds.hold_ns), " in ", Count(holds.sections),
         " sections: ", DistributionText(holds.distribution), ", longest ",
         Time(holds.distribution.max()));
    const double share = Utilisation(lock, named_.profile).value_or(0);
    if (share <= 0) return;
    const std::string held = FormatShare(share, 1);
    // Readers hold it side by side: their times say nothing of how long it was taken.
    if (lock.kind == LockKind::kRwlock || share > 1) {
      return Line("               ", held, " of the time, all holders added up");
    }
    Line("               ", held, " of the time: more threads can do at most ",
         absl::StrFormat("%.3g", 1 / share),
         " times as much; with sections half as long, these at most ",
         absl::StrFormat("%.3g", 1 / (1 - share / 2)), " times");
  }

  void WriteInside(const Lock& lock) {
    const LockHolds& holds = *lock.holds;
    std::vector<std::string> parts;
    const auto add = [&](const Tally& part, const Tally& whole, const char* what) {
      if (part.value() <= 0) return;
      parts.push_back(absl::StrCat(FormatShare(part.value(), whole.value()), what));
    };
    add(holds.running_ns, holds.running_of_ns, " running");
    add(holds.allocator_ns, holds.hold_ns, " in the allocator");
    add(holds.nested_wait_ns, holds.hold_ns, " waiting for other locks");
    add(holds.idle_ns, holds.hold_ns, " waiting for conditions and the like");
    if (parts.empty()) return;
    std::string line = absl::StrCat("       inside  ", parts.front());
    for (size_t i = 1; i < parts.size(); ++i) absl::StrAppend(&line, ", ", parts[i]);
    if (holds.allocations.value() > 0) {
      absl::StrAppend(&line, "; ", FormatCount(holds.allocations.value()), " allocations of ",
                      FormatBytes(holds.bytes.value()));
    }
    Line(line);
  }

  static const char* RoleText(Role role, const char* otherwise) {
    return role == Role::kReader ? "reader" : role == Role::kWriter ? "writer" : otherwise;
  }

  // Who waited for whom.
  void WritePairs(const Lock& lock, const char* holder) {
    double all_ns = lock.hand_over_ns.value() + lock.unattributed_ns.value();
    for (const LockPair& pair : lock.pairs) all_ns += pair.wait_ns.value();
    const size_t shown = std::min(lock.pairs.size(), kMaxPairs);
    for (size_t i = 0; i < shown; ++i) {
      const LockPair& pair = lock.pairs[i];
      Line("       ", FormatShare(pair.wait_ns.value(), all_ns),
           " of the wait: ", Time(pair.wait_ns), " in ", Count(pair.waits), " waits");
      WriteShortStack("         waiter  ", pair.waiter, 0);
      WriteShortStack(absl::StrFormat("         %-8s", RoleText(pair.role, holder)), pair.holder,
                      0);
    }
    if (shown < lock.pairs.size()) {
      Line("       and ", lock.pairs.size() - shown, " more pairs (--format json has all)");
    }
  }

  void WriteRest(const Lock& lock) {
    if (!lock.hand_over_ns.IsEmpty()) Line("       hand-over ", Time(lock.hand_over_ns));
    if (!lock.unattributed_ns.IsEmpty()) Line("       unattributed ", Time(lock.unattributed_ns));
  }

  void WriteCallers(const Lock& lock) {
    const size_t callers = std::min(lock.callers.size(), kMaxCallers);
    for (size_t i = 0; i < callers; ++i) {
      const LockCaller& caller = lock.callers[i];
      Line("       ", Time(caller.wait_ns), " in ", Count(caller.contended), " waits in ",
           Place(*named_.names.Headline(caller.pc)));
    }
    if (callers < lock.callers.size()) {
      Line("       and ", lock.callers.size() - callers, " more callers");
    }
    const char* what = lock.is_lock ? "released while awaited: " : "woke: ";
    const size_t releasers = std::min(lock.releasers.size(), kMaxCallers);
    for (size_t i = 0; i < releasers; ++i) {
      const LockReleaser& releaser = lock.releasers[i];
      Line("       ", what, Count(releaser.released), " times by ",
           Place(*named_.names.Headline(releaser.pc)));
    }
    if (releasers < lock.releasers.size()) {
      Line("       and by ", lock.releasers.size() - releasers, " more callers");
    }
    const size_t pollers = std::min(lock.pollers.size(), kMaxCallers);
    for (size_t i = 0; i < pollers; ++i) {
      const LockPoller& poller = lock.pollers[i];
      Line("       tried in vain: ", Count(poller.refused), " times by ",
           Place(*named_.names.Headline(poller.pc)));
    }
  }

  void WriteThreads(const Lock& lock) {
    if (lock.threads.size() < 2) return;
    const size_t shown = std::min(lock.threads.size(), kMaxThreads);
    for (size_t i = 0; i < shown; ++i) {
      Line("       ", ThreadText(lock.threads[i].tid), ": ", WaitsText(lock.threads[i].waits));
    }
    if (shown < lock.threads.size()) {
      Line("       and ", lock.threads.size() - shown, " more threads");
    }
  }

  // Of waits that are nobody's: pairs have their waiters' stacks.
  void WriteStacks(const Lock& lock) {
    if (!lock.pairs.empty()) return;
    const size_t stacks = std::min(lock.waits.size(), kMaxStacks);
    for (size_t i = 0; i < stacks; ++i) {
      const LockWaits& waits = lock.waits[i];
      Line("       ", Time(waits.wait_ns), " in ", Count(waits.waits), " waits from");
      for (const SourceFrame* frame : named_.names.Frames(waits.stack)) {
        Line("         ", Place(*frame), frame->inlined ? " inlined" : "");
      }
      if (named_.names.IsTruncated(waits.stack)) Line("         ... (stack truncated)");
    }
    if (stacks < lock.waits.size()) {
      Line("       and ", lock.waits.size() - stacks, " more stacks (--format json has all)");
    }
  }

  // The place and its callers, without what the standard library puts between them; the call itself where there is no
  // stack.
  void WriteShortStack(const std::string& label, StackId stack, uint64_t caller) {
    const SourceFrame* place = named_.names.Headline(stack);
    if (place == nullptr) {
      Line(label, caller == 0 ? "(no stack)" : Place(*named_.names.Headline(caller)));
      return;
    }
    Line(label, Place(*place));
    const std::vector<const SourceFrame*> frames = named_.names.Frames(stack);
    const std::string indent(label.size(), ' ');
    size_t shown = 1;
    for (auto frame = std::find(frames.begin(), frames.end(), place) + 1;
         frame < frames.end() && shown < kMaxFrames; ++frame) {
      if (IsPlumbing((*frame)->function)) continue;
      Line(indent, Place(**frame));
      ++shown;
    }
  }

  const NamedProfile& named_;
  const LockProfile& locks_;
  const Process& process_;
  const uint64_t limit_;
  std::vector<const Lock*> contended_;
  std::vector<const Lock*> others_;
  size_t number_ = 0;
};

}  // namespace

void WriteLocksText(const NamedProfile& named, uint64_t limit, Output* output) {
  LockWriter(named, limit, output).Write();
}

}  // namespace perfagent
