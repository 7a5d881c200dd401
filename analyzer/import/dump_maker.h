// dump_maker.h: writes a dump of what another tool recorded, so that it is read as any other.
//
// Everything is in full mode and exact. Definitions have a stream of their own, events another one. Nothing is compact:
// there is nobody whom the time of encoding would disturb, and the file is gone with the analyzer.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "perfagent/dump_format.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class DumpMaker {
 public:
  // Writes to a descriptor that outlives it.
  explicit DumpMaker(int fd);

  // A stack: `pc` called from the stack `parent`, 0 for none. Ids are to be given as 1, 2, 3, ...
  void PutStack(uint64_t id, uint64_t parent, uint64_t pc);
  // Events, by time: nanoseconds since the start.
  void Put(const AllocRecord& record) { events_.Put(record, record.time); }
  void Put(const FreeRecord& record) { events_.Put(record, record.time); }
  void Put(const PeakResidentRecord& record) { events_.Put(record, record.time); }

  // Facts of the process are set here, before Finish.
  HeaderPage& header() { return *header_; }
  // Of a recording that ended then. Empty, or why it could not be written.
  std::string Finish(uint64_t end_ns);

 private:
  // The segments of one stream, one at a time.
  class StreamMaker {
   public:
    StreamMaker(DumpMaker* dump, uint32_t number, bool is_of_definitions)
        : dump_(dump), number_(number), is_of_definitions_(is_of_definitions) {}

    template <typename R>
    void Put(const R& record, uint64_t time_ns) {
      if (begun_ == nullptr || committed_ + kMaxPlainRecord > kSegmentPayload) Begin();
      Append(record);
      last_time_ns_ = time_ns;
    }
    // Writes what there is of the current segment.
    void Seal();

   private:
    void Begin();
    template <typename R>
    void Append(const R& record) {
      Encoder encoder(begun_.get() + sizeof(SegmentHeader) + committed_, &state_);
      encoder.Put(record);
      committed_ += encoder.size();
    }

    DumpMaker* dump_;
    const uint32_t number_;
    const bool is_of_definitions_;
    uint32_t sequence_ = 0;
    std::unique_ptr<uint8_t[]> begun_;
    size_t committed_ = 0;
    size_t definitions_ = 0;  // bytes of them, at its beginning
    uint64_t last_time_ns_ = 0;
    CodecState state_;
  };

  void Write(const void* bytes, size_t size, uint64_t offset);

  int fd_;
  std::unique_ptr<HeaderPage> header_;
  uint32_t segments_ = 0;
  int error_ = 0;  // of the first write that failed
  StreamMaker events_{this, 0, /*is_of_definitions=*/false};
  StreamMaker definitions_{this, 1, /*is_of_definitions=*/true};
};

}  // namespace perfagent
