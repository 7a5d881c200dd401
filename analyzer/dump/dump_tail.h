// dump_tail.h: a dump that is being written, read on from where it was read last.
//
// Each Read costs what was written since: per stream one look at the header of its segment, and the records that were
// committed meanwhile. A committed record is whole at every instant, and is read once. What lies between two looks of a
// sealed segment's bytes was never there as a whole, so its checksum is not verified: reports do that.
//
// Records of one stream come in their order. Streams are read one after the other, so that events of different streams
// that belong together (one thread frees what another allocated) may come in any order.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analyzer/dump/dump_file.h"
#include "analyzer/dump/segment_reader.h"

namespace perfagent {

class TailSink {
 public:
  virtual ~TailSink() = default;
  // The stream's next segment begins.
  virtual void OnSegment(uint32_t stream) = 0;
  // Times are ticks; views in the record are valid during the call.
  virtual void OnRecord(uint32_t stream, const Record& record) = 0;
};

class DumpTail {
 public:
  // `file` must outlive this.
  explicit DumpTail(DumpFile* file) : file_(file) {}

  // Reads all that was committed since the last call. Asks now and then whether to go on, with the part of what there
  // is to read that has been; false where the answer was no, and the rest is read the next time.
  bool Read(TailSink* sink, absl::FunctionRef<bool(double part)> goes_on);

  // Instead of the first Read: goes to the end of what `index` found. Of each stream's segments those are read that the
  // next ones go on from, a megabyte at most; `sink` hears of what is in them.
  void GoToEnd(const SegmentIndex& index, TailSink* sink);

  // So far.
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t unreadable_bytes() const { return unreadable_bytes_; }
  const std::vector<Segment>& lock_tables() const { return lock_tables_; }
  // Waits that were going on when their streams were looked at. Times are ticks.
  std::vector<OngoingEntry> Ongoing() const;

 private:
  struct Stream {
    Segment segment;        // the current one: `bytes` were read of it
    bool is_whole = false;  // all before was read: the decoder's state is that of the writer
    DecoderStatePtr state;
    OngoingEntry wait = {};
  };
  // What is claimed and not there when its neighbours are is being made present, or its thread died at that instant.
  static constexpr size_t kMaxAbsent = 4096;

  bool ReadNew(TailSink* sink, absl::FunctionRef<bool(double part)> goes_on);
  bool BeginsAfresh(const Segment& segment) const;
  // A segment that was claimed. False: it is not there yet.
  bool Adopt(uint64_t index, TailSink* sink);
  void AdoptEvents(const Segment& segment, TailSink* sink);
  void ReadOn(Stream* stream, TailSink* sink);
  void Decode(Stream* stream, std::span<const uint8_t> bytes, TailSink* sink);

  DumpFile* file_;
  uint64_t next_index_ = 0;       // of the segments that were not looked at
  std::vector<uint64_t> absent_;  // of those that were
  std::map<uint32_t, Stream> streams_;
  std::vector<Segment> lock_tables_;
  uint64_t bytes_read_ = 0;
  uint64_t unreadable_bytes_ = 0;
};

}  // namespace perfagent
