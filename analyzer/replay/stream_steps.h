// stream_steps.h: one stream of a dump as steps, each with its place in time.
//
// A stream's own order is always kept: where its times go backwards, the later record counts as
// happening at the time of the earlier one. At equal times what ends a block comes before what
// begins one, because an address is free before it is given out again.
//
// A realloc is two steps: the old block ends at the record's time, the new one begins when the
// call has returned, and another thread may use the old address in between.
//
// Threads: one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <variant>

#include "analyzer/dump/dump_file.h"
#include "analyzer/dump/segment_reader.h"
#include "perfagent/event_codec.h"

namespace perfagent {

// A place in time: twice the time, plus one for what begins a block.
using TimeKey = uint64_t;
constexpr TimeKey KeyAt(uint64_t time_ns, bool begins_block) {
  return std::min<uint64_t>(time_ns, std::numeric_limits<int64_t>::max()) * 2 +
         (begins_block ? 1 : 0);
}
// What a stream's first step is not before.
inline TimeKey FirstKey(const Stream& stream) {
  return KeyAt(stream.segments.front().first_time_ns, false);
}

class StreamSteps {
 public:
  StreamSteps(const DumpFile& file, const ClockMap& clock, const Stream& stream)
      : cursor_(file, clock, stream), key_(FirstKey(stream)) {}

  // Goes on to the next step. False at the end of the stream.
  bool Next() {
    begins_segment_ = false;
    is_return_ = return_is_due_;
    return_is_due_ = false;
    if (is_return_) return Return(std::get<ReallocRecord>(record_));
    const size_t segments = cursor_.segments_begun();
    if (!cursor_.Next(&record_)) return false;
    begins_segment_ = cursor_.segments_begun() != segments;
    return_is_due_ = std::holds_alternative<ReallocRecord>(record_);
    // Nearly all records are of these two.
    if (const auto* alloc = std::get_if<AllocRecord>(&record_)) {
      RaiseKey(KeyAt(alloc->time, true));
    } else if (const auto* free = std::get_if<FreeRecord>(&record_)) {
      RaiseKey(KeyAt(free->time, false));
    } else if (const std::optional<uint64_t> time = TimeOf(record_)) {
      RaiseKey(KeyAt(*time, false));
    }
    return true;
  }

  // Goes on to the next step, if it is a compact allocation or free of the same segment. False: it is not, or cannot be
  // read; Next says more. Afterwards record() is what it was.
  bool NextCompact(CompactEvent* event) {
    if (return_is_due_ || !cursor_.NextCompact(event)) return false;
    RaiseKey(KeyAt(event->time, !event->is_free));
    return true;
  }

  const Record& record() const { return record_; }
  // The new block of record(), which is a realloc, begins.
  bool is_return() const { return is_return_; }
  // The record is the first of a segment.
  bool begins_segment() const { return begins_segment_; }
  size_t segments_begun() const { return cursor_.segments_begun(); }
  const std::vector<Damage>& damage() const { return cursor_.damage(); }
  // Never less than that of an earlier step.
  TimeKey key() const { return key_; }

 private:
  bool Return(const ReallocRecord& realloc) {
    uint64_t end = 0;
    if (__builtin_add_overflow(realloc.time, realloc.duration, &end))
      end = std::numeric_limits<uint64_t>::max();
    RaiseKey(KeyAt(end, true));
    return true;
  }
  void RaiseKey(TimeKey key) { key_ = std::max(key_, key); }

  StreamCursor cursor_;
  Record record_;
  TimeKey key_;
  bool is_return_ = false;
  bool return_is_due_ = false;
  bool begins_segment_ = false;
};

}  // namespace perfagent
