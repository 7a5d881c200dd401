#include "analyzer/replay/merge.h"

#include <algorithm>
#include <vector>

#include "analyzer/replay/stream_steps.h"

namespace perfagent {
namespace {

constexpr uint64_t kRecordsBetweenQuestions = 16384;

// One stream and its next step.
class Head {
 public:
  Head(StreamId id, const DumpFile& file, const SegmentIndex& index, const Stream& stream)
      : id_(id), steps_(file, index.clock, stream) {}

  TimeKey key() const { return steps_.key(); }
  StreamId id() const { return id_; }

  // Delivers the next step. False at the end of the stream.
  bool Step(RecordSink* sink) {
    // Segments are read when their time has come, not all at the start.
    if (started_ && !steps_.is_return()) sink->OnRecord(id_, steps_.record());
    started_ = true;
    return steps_.Next();
  }

 private:
  StreamId id_;
  StreamSteps steps_;
  bool started_ = false;
};

struct Later {
  bool operator()(const Head* a, const Head* b) const {
    return a->key() != b->key() ? a->key() > b->key() : a->id() > b->id();
  }
};

}  // namespace

void ReplayInTimeOrder(const DumpFile& file, const SegmentIndex& index, RecordSink* sink) {
  std::vector<Head> heads;
  heads.reserve(index.streams.size());
  std::vector<Head*> heap;
  for (size_t i = 0; i < index.streams.size(); ++i) {
    heap.push_back(&heads.emplace_back(StreamId(i), file, index, index.streams[i]));
  }
  std::make_heap(heap.begin(), heap.end(), Later());

  uint64_t steps = 0;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), Later());
    Head* head = heap.back();
    heap.pop_back();
    // Most often a stream has many events before the next stream's first.
    bool has_more = true;
    do {
      if (++steps % kRecordsBetweenQuestions == 0 && !sink->WantsMore()) return;
      has_more = head->Step(sink);
    } while (has_more && (heap.empty() || head->key() <= heap.front()->key()));
    if (has_more) {
      heap.push_back(head);
      std::push_heap(heap.begin(), heap.end(), Later());
    }
  }
}

}  // namespace perfagent
