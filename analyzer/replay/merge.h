// merge.h: the records of a dump as one sequence in time (stream_steps.h says how they are ordered).
#pragma once

#include "analyzer/dump/dump_file.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/ids.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void OnRecord(StreamId stream, const Record& record) = 0;
  // False ends the replay.
  virtual bool WantsMore() = 0;
};

void ReplayInTimeOrder(const DumpFile& file, const SegmentIndex& index, RecordSink* sink);

}  // namespace perfagent
