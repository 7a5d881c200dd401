// dump_builder.h: writes dumps for tests, record by record, with the agent's own encoder.
//
//   DumpBuilder builder;                        // full mode, exited with status 0
//   builder.header().mode = Mode::kSample;
//   StreamBuilder& main = builder.AddStream();
//   main.Thread(0, 4711, "main");
//   main.Put(AllocRecord{HeapApi::kMalloc, 10, 0x1000, 64, builder.Stack({0x401000})});
//   builder.WriteTo(path);
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/dump/segment_reader.h"
#include "perfagent/dump_format.h"
#include "perfagent/event_codec.h"

namespace perfagent::test {

// A segment of the file: its header's bytes and its records.
class SegmentBuilder {
 public:
  SegmentBuilder(SegmentKind kind, uint32_t stream, uint32_t sequence);
  // The next of a stream that goes on from this one, as those of full mode do.
  explicit SegmentBuilder(const SegmentBuilder* before);

  template <typename R>
  void Put(const R& record) {
    uint8_t buffer[kSegmentPayload];
    Encoder encoder(buffer, &state_, tables_.get());
    encoder.Put(record);
    Append(buffer, encoder.size());
  }
  // From here on events are compact.
  void UseTables() { tables_ = std::make_shared<prediction::EncoderTables>(); }
  // Bytes that no encoder wrote.
  void Append(const uint8_t* bytes, size_t size);
  void PutSlot(uint64_t lock, uint64_t caller, uint64_t contended, uint64_t wait_ticks,
               LockApi api = LockApi::kMutexLock, uint64_t released = 0);
  void PutSlot(const LockTableEntry& slot);
  void PutRelease(uint64_t lock, uint64_t caller, uint64_t released,
                  LockApi api = LockApi::kMutexUnlock) {
    PutSlot(lock, caller, 0, 0, api, released);
  }

  size_t committed() const { return committed_; }
  SegmentHeader& header() { return *reinterpret_cast<SegmentHeader*>(bytes_.data()); }
  // The wait that the stream's thread is in.
  void SetWait(LockApi api, uint64_t lock, uint64_t begin, uint64_t thread, uint64_t owner,
               uint64_t stack = 0);
  // Sets the checksum of what is committed.
  void Seal();
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
  size_t committed_ = 0;
  size_t slots_ = 0;
  CodecState state_;
  std::shared_ptr<prediction::EncoderTables> tables_;
};

class DumpBuilder;

// Records of one stream; a new segment is begun when one is full, and the full one is sealed.
class StreamBuilder {
 public:
  StreamBuilder(DumpBuilder* dump, uint32_t number) : dump_(dump), number_(number) {}

  template <typename R>
  void Put(const R& record) {
    Room(kMaxSectionRecord).Put(record);
  }
  void Put(const StackRecord& record);
  void Put(const LockWaitRecord& record);
  void Put(const ThreadRecord& record);
  void Put(const ModuleLoadRecord& record);
  void Put(const MarkRecord& record);
  void Put(const UnseenRecord& record);
  void Put(const LockMappingRecord& record);

  void Thread(uint64_t time, uint64_t tid, std::string_view name) {
    Put(ThreadRecord{time, tid, name});
  }
  void Alloc(uint64_t time, uint64_t address, uint64_t size, uint64_t stack,
             HeapApi api = HeapApi::kMalloc) {
    Put(AllocRecord{api, time, address, size, stack});
  }
  void Free(uint64_t time, uint64_t address, uint64_t flags = 0) {
    Put(FreeRecord{HeapApi::kFree, flags, time, address, 0});
  }
  void Realloc(uint64_t time, uint64_t old_address, uint64_t new_address, uint64_t size,
               uint64_t stack, uint64_t duration = 1,
               uint64_t flags = kReallocEndsOld | kReallocBeginsNew) {
    Put(ReallocRecord{HeapApi::kRealloc, flags, time, duration, old_address, new_address, size,
                      stack});
  }
  // Seals the current segment, if there is one, and begins the next.
  SegmentBuilder& NextSegment();
  // The same, and it goes on from the one before. REQUIRES: there is one.
  SegmentBuilder& GoOn();
  SegmentBuilder& current();

 private:
  SegmentBuilder& Room(size_t bytes);

  DumpBuilder* dump_;
  uint32_t number_;
  uint32_t sequence_ = 0;
  SegmentBuilder* current_ = nullptr;
};

class DumpBuilder {
 public:
  DumpBuilder();
  DumpBuilder(const DumpBuilder&) = delete;  // streams point here
  DumpBuilder& operator=(const DumpBuilder&) = delete;

  HeaderPage& header() { return *header_; }
  StreamBuilder& AddStream();
  SegmentBuilder& AddSegment(SegmentKind kind, uint32_t stream, uint32_t sequence);
  SegmentBuilder& AddSegmentAfter(const SegmentBuilder* before);
  SegmentBuilder& AddLockTable() { return AddSegment(SegmentKind::kLockTable, 0, 0); }
  // Defines a stack in the first stream (leaf first) and returns its id.
  uint64_t Stack(std::initializer_list<uint64_t> pcs, uint64_t epoch = 0, uint64_t flags = 0);
  uint64_t Stack(const std::vector<uint64_t>& pcs, uint64_t epoch = 0, uint64_t flags = 0);
  void Module(uint64_t start, uint64_t end, std::string_view path, uint64_t epoch = 0);

  // Header page and segments, with the header's checksum right and all but each stream's last
  // segment sealed.
  std::vector<uint8_t> Bytes();
  void WriteTo(const std::filesystem::path& path);

 private:
  std::unique_ptr<HeaderPage> header_;
  std::vector<std::unique_ptr<StreamBuilder>> streams_;
  std::vector<std::unique_ptr<SegmentBuilder>> segments_;
  uint64_t next_stack_ = 1;
};

// A small dump with every kind of record, in two streams, sealed and not. Its modules' paths lead to
// what a symbolizer must not open.
std::vector<uint8_t> DumpWithEverything();

// Sets the header checksum in a dump's bytes, after a test changed a field.
void FixHeaderChecksum(std::vector<uint8_t>* dump);

void WriteBytes(const std::filesystem::path& path, const std::vector<uint8_t>& bytes);

}  // namespace perfagent::test
