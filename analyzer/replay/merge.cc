#include "analyzer/replay/merge.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

namespace perfagent {
namespace {

constexpr uint64_t kProgressRecords = 16384;

// Twice the time, plus one for what begins a block: the order at equal times.
uint64_t KeyAt(uint64_t time_ns, bool begins_block) {
  return std::min<uint64_t>(time_ns, std::numeric_limits<int64_t>::max()) * 2 +
         (begins_block ? 1 : 0);
}

uint64_t SaturatingAdd(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<uint64_t>::max() : sum;
}

// One stream and its next event, which is a record or the return of a realloc.
class Head {
 public:
  Head(StreamId id, const DumpFile& file, const SegmentIndex& index, const Stream& stream)
      : id_(id),
        cursor_(file, index.clock, stream),
        key_(KeyAt(stream.segments.front().first_time_ns, false)) {}

  uint64_t key() const { return key_; }
  StreamId id() const { return id_; }

  // Delivers the next event. False at the end of the stream.
  bool Step(RecordSink* sink) {
    if (!started_) {  // segments are read when their time has come, not all at the start
      started_ = true;
      return Advance(sink);
    }
    if (returning_) {
      sink->OnReallocReturn(id_, std::get<ReallocRecord>(record_));
      returning_ = false;
      return Advance(sink);
    }
    sink->OnRecord(id_, record_);
    if (const auto* realloc = std::get_if<ReallocRecord>(&record_)) {
      returning_ = true;
      RaiseKey(KeyAt(SaturatingAdd(realloc->time, realloc->duration), true));
      return true;
    }
    return Advance(sink);
  }

 private:
  bool Advance(RecordSink* sink) {
    const size_t segments = cursor_.segments_begun();
    if (!cursor_.Next(&record_)) return false;
    if (cursor_.segments_begun() != segments) sink->OnSegment(id_);
    if (const std::optional<uint64_t> time = TimeOf(record_)) {
      RaiseKey(KeyAt(*time, std::holds_alternative<AllocRecord>(record_)));
    }
    return true;
  }
  void RaiseKey(uint64_t key) { key_ = std::max(key_, key); }

  StreamId id_;
  StreamCursor cursor_;
  uint64_t key_;
  Record record_;
  bool started_ = false;
  bool returning_ = false;
};

struct Later {
  bool operator()(const Head* a, const Head* b) const {
    return a->key() != b->key() ? a->key() > b->key() : a->id() > b->id();
  }
};

}  // namespace

void ReplayInTimeOrder(const DumpFile& file, const SegmentIndex& index, RecordSink* sink,
                       ProgressHandler progress) {
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
      if (++steps % kProgressRecords == 0) {
        if (!sink->WantsMore()) return;
        progress(steps);
      }
      has_more = head->Step(sink);
    } while (has_more && (heap.empty() || head->key() <= heap.front()->key()));
    if (has_more) {
      heap.push_back(head);
      std::push_heap(heap.begin(), heap.end(), Later());
    }
  }
}

}  // namespace perfagent
