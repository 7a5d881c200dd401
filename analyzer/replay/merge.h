// merge.h: the streams of a dump as one sequence in time.
//
// A stream's own order is always kept: where its times go backwards, the later record counts as
// happening at the time of the earlier one. At equal times what ends a block comes before what
// begins one, because an address is free before it is given out again.
//
// A realloc is two events: the old block ends at the record's time, the new one begins when the
// call has returned, and another thread may use the old address in between.
#pragma once

#include "analyzer/dump/dump_file.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/ids.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // The records that follow are of the stream's next segment.
  virtual void OnSegment(StreamId) {}
  // A realloc's record comes here at the end of its old block.
  virtual void OnRecord(StreamId stream, const Record& record) = 0;
  // The new block of a realloc begins.
  virtual void OnReallocReturn(StreamId stream, const ReallocRecord& record) = 0;
  // False ends the replay.
  virtual bool WantsMore() { return true; }
};

void ReplayInTimeOrder(const DumpFile& file, const SegmentIndex& index, RecordSink* sink,
                       ProgressHandler progress);

}  // namespace perfagent
