#include "tests/support/dump_builder.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "perfagent/dump_header.h"

namespace perfagent::test {

SegmentBuilder::SegmentBuilder(SegmentKind kind, uint32_t stream, uint32_t sequence)
    : bytes_(kSegmentBytes) {
  header().magic = kSegmentMagic;
  header().kind = kind;
  header().stream = stream;
  header().sequence = sequence;
  if (kind == SegmentKind::kEvents) Put(ResetRecord{});
}

SegmentBuilder::SegmentBuilder(const SegmentBuilder* before)
    : bytes_(kSegmentBytes), state_(before->state_), tables_(before->tables_) {
  const auto& other = *reinterpret_cast<const SegmentHeader*>(before->bytes_.data());
  header().magic = kSegmentMagic;
  header().kind = other.kind;
  header().stream = other.stream;
  header().sequence = other.sequence + 1;
}

void SegmentBuilder::Append(const uint8_t* bytes, size_t size) {
  if (size > kSegmentPayload - committed_) throw std::length_error("segment is full");
  memcpy(bytes_.data() + sizeof(SegmentHeader) + committed_, bytes, size);
  committed_ += size;
  header().committed = static_cast<uint32_t>(committed_);
}

void SegmentBuilder::PutSlot(uint64_t lock, uint64_t caller, uint64_t contended,
                             uint64_t wait_ticks, LockApi api, uint64_t released) {
  PutSlot(LockTableEntry{.lock = lock,
                         .caller = caller,
                         .contended = contended,
                         .wait_ns = wait_ticks,
                         .longest_wait_ns = wait_ticks,
                         .released = released,
                         .refused = 0,
                         .thread = 4711,
                         .api = api,
                         .reserved0 = {}});
}

void SegmentBuilder::PutSlot(const LockTableEntry& slot) {
  memcpy(bytes_.data() + sizeof(SegmentHeader) + slots_ * sizeof slot, &slot, sizeof slot);
  ++slots_;
}

void SegmentBuilder::SetWait(LockApi api, uint64_t lock, uint64_t begin, uint64_t thread,
                             uint64_t owner, uint64_t stack) {
  OngoingWait& wait = header().wait;
  wait.begin = begin;
  wait.caller = 0;
  wait.stack = stack;
  wait.thread = thread;
  wait.owner = owner;
  wait.api = api;
  wait.lock = lock;
}

void SegmentBuilder::Seal() {
  header().checksum = XXH3_64bits(bytes_.data() + sizeof(SegmentHeader), committed_);
  header().sealed = 1;
}

void StreamBuilder::Put(const StackRecord& record) {
  Room(MaxStackRecord(record.count)).Put(record);
}

void StreamBuilder::Put(const LockWaitRecord& record) {
  Room(MaxWaitRecord(record.count)).Put(record);
}
void StreamBuilder::Put(const ThreadRecord& record) {
  Room(MaxTextRecord(record.name.size())).Put(record);
}
void StreamBuilder::Put(const ModuleLoadRecord& record) {
  Room(MaxTextRecord(record.path.size() + record.build_id.size())).Put(record);
}
void StreamBuilder::Put(const MarkRecord& record) {
  Room(MaxTextRecord(record.text.size())).Put(record);
}
void StreamBuilder::Put(const UnseenRecord& record) {
  Room(MaxTextRecord(record.path.size())).Put(record);
}

void StreamBuilder::Put(const LockMappingRecord& record) {
  Room(MaxTextRecord(record.path.size())).Put(record);
}

SegmentBuilder& StreamBuilder::NextSegment() {
  if (current_ != nullptr) current_->Seal();
  current_ = &dump_->AddSegment(SegmentKind::kEvents, number_, sequence_++);
  return *current_;
}

SegmentBuilder& StreamBuilder::GoOn() {
  current_->Seal();
  ++sequence_;
  current_ = &dump_->AddSegmentAfter(current_);
  return *current_;
}

SegmentBuilder& StreamBuilder::current() { return Room(0); }

SegmentBuilder& StreamBuilder::Room(size_t bytes) {
  if (current_ == nullptr || kSegmentPayload - current_->committed() < bytes) NextSegment();
  return *current_;
}

DumpBuilder::DumpBuilder() : header_(std::make_unique<HeaderPage>()) {
  memset(static_cast<void*>(header_.get()), 0, sizeof(HeaderPage));
  SetFormat(header_.get());
  header_->file_bytes = uint64_t{1} << 30;
  header_->start_realtime_ns = 1'700'000'000'000'000'000;
  header_->pid = 4711;
  header_->parent_pid = 1;
  header_->mode = Mode::kFull;
  header_->clock = Clock::kMonotonic;  // a tick is a nanosecond
  header_->heap_enabled = 1;
  header_->locks_enabled = 1;
  header_->max_frames = 64;
  snprintf(header_->host, sizeof header_->host, "testhost");
  snprintf(header_->executable, sizeof header_->executable, "/usr/bin/app");
  snprintf(header_->command_line, sizeof header_->command_line, "app --fast");
  header_->end_state = EndState::kExited;
  header_->end_ticks = 1'000'000'000;
}

StreamBuilder& DumpBuilder::AddStream() {
  const uint32_t number = static_cast<uint32_t>(streams_.size());
  streams_.push_back(std::make_unique<StreamBuilder>(this, number));
  return *streams_.back();
}

SegmentBuilder& DumpBuilder::AddSegment(SegmentKind kind, uint32_t stream, uint32_t sequence) {
  segments_.push_back(std::make_unique<SegmentBuilder>(kind, stream, sequence));
  return *segments_.back();
}

SegmentBuilder& DumpBuilder::AddSegmentAfter(const SegmentBuilder* before) {
  segments_.push_back(std::make_unique<SegmentBuilder>(before));
  return *segments_.back();
}

uint64_t DumpBuilder::Stack(std::initializer_list<uint64_t> pcs, uint64_t epoch, uint64_t flags) {
  return Stack(std::vector<uint64_t>(pcs), epoch, flags);
}

uint64_t DumpBuilder::Stack(const std::vector<uint64_t>& pcs, uint64_t epoch, uint64_t flags) {
  if (streams_.empty()) AddStream();
  const std::vector<uint64_t> from_outermost(pcs.rbegin(), pcs.rend());
  streams_.front()->Put(
      StackRecord{next_stack_, 0, epoch, flags, pcs.size(), from_outermost.data()});
  next_stack_ += pcs.size();
  return next_stack_ - 1;
}

void DumpBuilder::Module(uint64_t start, uint64_t end, std::string_view path, uint64_t epoch) {
  if (streams_.empty()) AddStream();
  streams_.front()->Put(ModuleLoadRecord{0, epoch, start, end, start, "", path});
}

std::vector<uint8_t> DumpBuilder::Bytes() {
  header_->segments_claimed = static_cast<uint32_t>(segments_.size());
  std::vector<uint8_t> bytes(kHeaderBytes);
  memcpy(bytes.data(), static_cast<const void*>(header_.get()), sizeof(HeaderPage));
  FixHeaderChecksum(&bytes);
  for (const auto& segment : segments_) {
    bytes.insert(bytes.end(), segment->bytes().begin(), segment->bytes().end());
  }
  return bytes;
}

void DumpBuilder::WriteTo(const std::filesystem::path& path) { WriteBytes(path, Bytes()); }

std::vector<uint8_t> DumpWithEverything() {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().interval_bytes = 1000;
  dump.header().interval_request = 200;
  dump.header().clock = Clock::kTsc;  // of 2 GHz
  dump.header().start_monotonic_ns = 1'000'000'000;
  dump.header().calibration_ticks = 2000;
  dump.header().calibration_monotonic_ns = 1'000'001'000;
  snprintf(dump.header().allocator, sizeof dump.header().allocator, "/usr/lib/libc.so.6");
  StreamBuilder& main = dump.AddStream();
  main.Thread(0, 4711, "main");
  dump.Module(0x400000, 0x500000, "/usr/bin/app");
  dump.Module(0x600000, 0x700000, "/proc/kmsg");
  dump.Module(0x800000, 0x900000, "../../../../dev/zero");
  const uint64_t stack = dump.Stack({0x401234, 0x402345, 0x601000, 0x801000});
  const uint64_t truncated = dump.Stack({0x401000}, 0, kStackTruncated);
  main.Alloc(10, 0x1000, 64, stack);
  main.Put(IntervalRecord{15, 200});
  main.Alloc(20, 0x2000, 128, truncated, HeapApi::kNewArray);
  main.Realloc(30, 0x1000, 0x3000, 256, stack, 5);
  main.Put(MarkRecord{35, "phase \x1b[2J two"});
  main.Free(40, 0x2000);
  main.NextSegment();
  main.Put(UnseenRecord{45, "/opt/libown.so"});
  main.Put(ModuleUnloadRecord{50, 1, 0x600000});
  main.Put(LockWaitRecord{LockApi::kMutexTimedlock, 110, 60, 1000, 0x9000, stack});
  main.Put(LockAcquireRecord{LockApi::kMutexLock, 1100, 0x9000, stack, 1000});
  WaitCut cuts[] = {{20, 1, 0}, {70, 1, stack, kCutByReader}};
  main.Put(
      LockWaitRecord{LockApi::kMutexLock, 0, 1110, 80, 0x9000, stack, kWaitCutsLost, 0, 2, cuts});
  main.Put(LockSectionRecord{LockApi::kMutexLock, kSectionContended, 1190, 5, 4, 0x9000, stack, 0,
                             80, 1, 64, 2, 1, 3, 1});
  StreamBuilder& other = dump.AddStream();
  other.Thread(15, 4712, "other");
  other.Put(LockReleaseRecord{LockApi::kMutexUnlock, 1130, 0x9000, stack});
  other.Alloc(1150, 0x3000, 64, stack);
  main.Free(1190, 0x3000);
  other.Free(1200, 0x3000);
  other.Put(LockFrameRecord{0x9000, 4711, stack});
  other.Put(LockMappingRecord{0x9100, 0x801, 77, 64, "/dev/shm/\x1b[2Jpool"});
  other.Put(PeakResidentRecord{1210, 1 << 20, kPeakBeforeExec});
  other.Put(PeakResidentRecord{1220, 2 << 20, 0});
  other.Put(ThreadEndRecord{1300});
  other.Put(ClockRecord{1400, 1'000'000'700, 1'700'000'000'000'000'700});
  SegmentBuilder& table = dump.AddLockTable();
  table.PutSlot(0x9000, 0x401234, 1, 1000);
  table.PutSlot(0x9100, 0x401300, 2, 500, LockApi::kRwlockRdlock);
  table.PutRelease(0x9100, 0x401400, 2, LockApi::kRwlockUnlock);
  return dump.Bytes();
}

void FixHeaderChecksum(std::vector<uint8_t>* dump) {
  const uint64_t checksum = XXH3_64bits(dump->data(), offsetof(HeaderPage, checksum));
  memcpy(dump->data() + offsetof(HeaderPage, checksum), &checksum, sizeof checksum);
}

void WriteBytes(const std::filesystem::path& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace perfagent::test
