#include "analyzer/report/event_lines.h"

#include <charconv>
#include <variant>

#include "analyzer/replay/merge.h"
#include "analyzer/report/format.h"
#include "analyzer/views/address_history.h"

namespace perfagent {
namespace {

// One line, put together by hand: millions are printed.
class LineBuilder {
 public:
  LineBuilder& Decimal(uint64_t value) { return Digits(value, 10); }
  LineBuilder& Hex(uint64_t value) {
    line_ += "0x";
    return Digits(value, 16);
  }
  LineBuilder& Text(std::string_view text) {
    line_ += text;
    return *this;
  }
  LineBuilder& Stack(uint64_t dump_id) {
    line_ += " s";
    return Digits(dump_id, 10);
  }
  // The line; the next one begins.
  const std::string& Finish() {
    line_ += '\n';
    finished_.swap(line_);
    line_.clear();
    return finished_;
  }

 private:
  LineBuilder& Digits(uint64_t value, int base) {
    char digits[24];
    const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value, base);
    line_.append(digits, end.ptr);
    return *this;
  }

  std::string line_;
  std::string finished_;
};

class EventPrinter : public RecordSink {
 public:
  EventPrinter(const Process& process, size_t streams, StackNames* names, Output* output,
               std::optional<uint64_t> address)
      : process_(process), names_(names), output_(output), tids_(streams) {
    if (address) history_.emplace(*address);
  }

  void OnRecord(StreamId stream, const Record& record) override {
    stream_ = stream;
    if (history_ && !history_->Concerns(record)) {
      if (const auto* thread = std::get_if<ThreadRecord>(&record))
        tids_[stream.value()] = thread->tid;
      return;
    }
    std::visit([this](const auto& r) { Print(r); }, record);
  }
  bool WantsMore() override { return !output_->closed(); }
  uint64_t events() const { return events_; }

 private:
  void Print(const ThreadRecord& r) {
    tids_[stream_.value()] = r.tid;
    line_.Text("# ");
    Begin(r.time, "thread ").Text(EscapeForTerminal(r.name));
    Finish();
  }
  void Print(const ThreadEndRecord& r) {
    line_.Text("# ");
    Begin(r.time, "thread_end");
    Finish();
  }
  void Print(const ModuleLoadRecord& r) {
    line_.Text("# ");
    Begin(r.time, "module_load ").Hex(r.start).Text("-").Hex(r.end);
    line_.Text(" epoch=").Decimal(r.epoch).Text(" ").Text(EscapeForTerminal(r.path));
    Finish();
  }
  void Print(const ModuleUnloadRecord& r) {
    line_.Text("# ");
    Begin(r.time, "module_unload ").Hex(r.start).Text(" epoch=").Decimal(r.epoch);
    Finish();
  }
  void Print(const StackRecord& r) {
    line_.Text("# stack").Stack(r.first_id).Text(" frames=").Decimal(r.count);
    line_.Text(" parent=").Decimal(r.parent).Text(" epoch=").Decimal(r.epoch);
    if ((r.flags & kStackTruncated) != 0) line_.Text(" truncated");
    Finish();
  }
  void Print(const AllocRecord& r) {
    Begin(r.time, Name(r.api)).Text(" ").Hex(r.address).Text(" ").Decimal(r.size);
    FinishEvent(r.stack);
  }
  void Print(const FreeRecord& r) {
    Begin(r.time, Name(r.api)).Text(" ").Hex(r.address);
    FinishEvent(r.stack, (r.flags & kFreeTemporary) != 0 ? " temporary" : "");
  }
  void Print(const ReallocRecord& r) {
    Begin(r.time, Name(r.api)).Text(" old=").Hex(r.old_address);
    line_.Text(" new=").Hex(r.new_address).Text(" ").Decimal(r.size);
    FinishEvent(r.stack, ReallocFlags(r));
  }
  void Print(const LockWaitRecord& r) {
    Begin(r.time, Name(r.api)).Text(" ").Hex(r.lock);
    line_.Text(" wait=").Decimal(r.wait).Text(" result=").Decimal(r.result);
    if (r.interval != 0) line_.Text(" interval=").Decimal(r.interval);
    if ((r.flags & kWaitCutsLost) != 0) line_.Text(" cuts_lost");
    for (const WaitCut& cut : std::span<const WaitCut>(r.cuts, r.count)) {
      line_.Text(" cut=").Decimal(cut.after).Text(":").Decimal(cut.stream).Text(":");
      line_.Text("s").Decimal(cut.stack);
      if ((cut.flags & kCutByReader) != 0) line_.Text(":reader");
    }
    FinishEvent(r.stack);
  }
  void Print(const LockReleaseRecord& r) {
    Begin(r.time, Name(r.api)).Text(" ").Hex(r.lock).Text(" released");
    FinishEvent(r.stack);
  }
  void Print(const LockSectionRecord& r) {
    Begin(r.time, Name(r.api)).Text(" ").Hex(r.lock).Text(" held=").Decimal(r.hold);
    if (r.running_ns != 0) line_.Text(" running=").Decimal(r.running_ns - 1);
    if ((r.flags & kSectionContended) != 0) line_.Text(" waited_for=").Decimal(r.wait);
    line_.Text(" interval=").Decimal(r.interval);
    line_.Text(" allocations=").Decimal(r.allocations).Text(" bytes=").Decimal(r.bytes);
    line_.Text(" allocator=").Decimal(r.allocator).Text(" waits=").Decimal(r.waits);
    line_.Text(" waited=").Decimal(r.waited).Text(" idle=").Decimal(r.idle);
    FinishEvent(r.stack);
  }
  void Print(const LockAcquireRecord& r) {
    Begin(r.time, Name(r.api)).Text(" ").Hex(r.lock).Text(" acquired");
    if (r.interval != 0) line_.Text(" interval=").Decimal(r.interval);
    if (r.outer != 0) line_.Text(" outer=").Hex(r.outer);
    FinishEvent(r.stack);
  }
  void Print(const AllocatorCallRecord& r) {
    line_.Text("# ");
    Begin(r.time, Name(r.api)).Text(" took ").Decimal(r.duration);
    if (r.size != 0) line_.Text(" size=").Decimal(r.size);
    if (r.usable != 0) line_.Text(" usable=").Decimal(r.usable);
    line_.Text(" every=").Decimal(r.every).Text(" interval=").Decimal(r.interval_bytes);
    Finish();
  }
  void Print(const MemoryRecord& r) {
    line_.Text("# ");
    Begin(r.time, "memory anonymous=").Decimal(r.anonymous).Text(" file=").Decimal(r.file);
    line_.Text(" shared=").Decimal(r.shared).Text(" stack=").Decimal(r.stack);
    line_.Text(" swapped=").Decimal(r.swapped).Text(" mapped=").Decimal(r.mapped);
    line_.Text(" dump=").Decimal(r.dump);
    Finish();
  }
  void Print(const PeakResidentRecord& r) {
    line_.Text("# ");
    Begin(r.time, "peak_resident ").Decimal(r.bytes);
    if ((r.flags & kPeakBeforeExec) != 0) line_.Text(" before_exec");
    Finish();
  }
  void Print(const IntervalRecord& r) {
    line_.Text("# ");
    Begin(r.time, "interval ").Decimal(r.interval_bytes);
    Finish();
  }
  void Print(const NodeRecord& r) {
    line_.Text("# ");
    Begin(r.time, "node ").Decimal(r.node);
    Finish();
  }
  void Print(const ThinRecord& r) {
    line_.Text("# ");
    Begin(r.time, "thin ").Decimal(r.interval_bytes);
    Finish();
  }
  void Print(const MarkRecord& r) {
    line_.Text("# ");
    Begin(r.time, "mark ").Text(EscapeForTerminal(r.text));
    Finish();
  }
  void Print(const UnseenRecord& r) {
    line_.Text("# ");
    Begin(r.time, "unseen ").Text(EscapeForTerminal(r.path));
    Finish();
  }

  void Print(const LockFrameRecord& r) {
    line_.Text("# lock_frame ").Hex(r.lock).Text(" thread=").Decimal(r.thread).Stack(r.stack);
    Finish();
  }
  void Print(const LockMappingRecord& r) {
    line_.Text("# lock_mapping ").Hex(r.lock).Text(" device=").Decimal(r.device);
    line_.Text(" inode=").Decimal(r.inode).Text(" offset=").Decimal(r.offset);
    line_.Text(" ").Text(EscapeForTerminal(r.path));
    Finish();
  }
  void Print(const ResetRecord&) {}
  void Print(const ClockRecord& r) {
    line_.Text("# ");
    Begin(r.time, "clock monotonic=").Decimal(r.monotonic_ns);
    line_.Text(" realtime=").Decimal(r.realtime_ns);
    Finish();
  }

  // Where every event is recorded the flags follow from the addresses.
  std::string_view ReallocFlags(const ReallocRecord& r) const {
    if (!process_.facts.IsSampledAt(r.time)) return "";
    switch (r.flags & (kReallocEndsOld | kReallocBeginsNew)) {
      case kReallocEndsOld:
        return " ends_old";
      case kReallocBeginsNew:
        return " begins_new";
      case 0:
        return "";
      default:
        return " ends_old begins_new";
    }
  }

  LineBuilder& Begin(uint64_t time_ns, std::string_view name) {
    return line_.Decimal(time_ns).Text(" ").Decimal(tids_[stream_.value()]).Text(" ").Text(name);
  }
  void Finish() { output_->Write(line_.Finish()); }
  void FinishEvent(uint64_t dump_stack, std::string_view flags = "") {
    ++events_;
    line_.Stack(dump_stack).Text(flags);
    Finish();
    if (names_ == nullptr) return;
    for (const SourceFrame* frame :
         names_->Frames(process_.FindStack(dump_stack).value_or(kNoStack))) {
      line_.Text("#   ").Text(EscapeForTerminal(frame->function));
      if (!frame->file.empty()) {
        line_.Text(" ").Text(EscapeForTerminal(frame->file)).Text(":");
        line_.Decimal(static_cast<uint64_t>(frame->line));
      }
      Finish();
    }
  }

  const Process& process_;
  StackNames* names_;
  Output* output_;
  std::vector<uint64_t> tids_;  // by StreamId
  StreamId stream_;
  LineBuilder line_;
  std::optional<AddressHistory> history_;
  uint64_t events_ = 0;
};

}  // namespace

uint64_t WriteEvents(const LoadedDump& dump, StackNames* names, Output* output,
                     std::optional<uint64_t> address) {
  EventPrinter printer(dump.process, dump.index.streams.size(), names, output, address);
  ReplayInTimeOrder(dump.file, dump.index, &printer);
  return printer.events();
}

}  // namespace perfagent
