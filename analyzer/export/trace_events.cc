#include "analyzer/export/trace_events.h"

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/estimate.h"
#include "analyzer/replay/merge.h"

namespace perfagent {
namespace {

// What a damaged file says may end after all time.
uint64_t UpTo(uint64_t begin_ns, uint64_t length_ns) {
  return std::min(length_ns, std::numeric_limits<uint64_t>::max() / 2 -
                                 std::min(begin_ns, std::numeric_limits<uint64_t>::max() / 2));
}

class Reader : public RecordSink {
 public:
  Reader(const Profile& profile, TraceEvents* events,
         absl::FunctionRef<bool(uint64_t, LockApi)> is_lock)
      : process_(profile.dump.process),
        view_(profile.view),
        events_(events),
        is_lock_(is_lock),
        threads_(profile.dump.index.streams.size()) {
    for (size_t i = 0; i < threads_.size(); ++i)
      stream_of_[profile.dump.index.streams[i].number] = i;
  }

  void OnRecord(StreamId stream, const Record& record) override {
    if (const auto* wait = std::get_if<LockWaitRecord>(&record)) {
      OnWait(threads_[stream.value()], *wait);
    } else if (const auto* section = std::get_if<LockSectionRecord>(&record)) {
      OnSection(threads_[stream.value()], *section);
    } else if (const auto* thread = std::get_if<ThreadRecord>(&record)) {
      threads_[stream.value()] = {thread->tid, !view_.HasThread(thread->tid, thread->name)};
    }
  }
  bool WantsMore() override { return true; }

 private:
  struct Thread {
    uint64_t tid = 0;
    bool is_left_out = false;
  };

  std::optional<LockSpan> SpanOf(const Thread& thread, uint64_t begin_ns, uint64_t length_ns,
                                 uint64_t lock, LockApi api, uint64_t dump_stack) const {
    LockSpan span{.begin_ns = begin_ns,
                  .length_ns = UpTo(begin_ns, length_ns),
                  .tid = thread.tid,
                  .lock = lock,
                  .api = api,
                  .stack = process_.LookUpStack(dump_stack).stack()};
    const bool counts =
        !thread.is_left_out && view_.HasTime(span.end_ns()) && view_.HasStack(span.stack);
    return counts ? std::optional(span) : std::nullopt;
  }

  void OnWait(const Thread& thread, const LockWaitRecord& record) {
    std::optional<LockSpan> span =
        SpanOf(thread, record.time, record.wait, record.lock, record.api, record.stack);
    if (!span) return;
    span->weight = Weight::OfAmount(static_cast<double>(record.wait), record.interval).factor;
    if (record.count > 0) span->release = ReleaseOf(record, record.cuts[record.count - 1]);
    (is_lock_(record.lock, record.api) ? events_->waits : events_->others).Add(*span);
  }

  std::optional<Release> ReleaseOf(const LockWaitRecord& record, const WaitCut& cut) const {
    const auto stream = stream_of_.find(static_cast<uint32_t>(cut.stream));
    if (stream == stream_of_.end() || threads_[stream->second].tid == 0) return std::nullopt;
    return Release{threads_[stream->second].tid, record.time + UpTo(record.time, cut.after)};
  }

  void OnSection(const Thread& thread, const LockSectionRecord& record) {
    std::optional<LockSpan> span =
        SpanOf(thread, record.time, record.hold, record.lock, record.api, record.stack);
    if (!span) return;
    const bool is_contended = (record.flags & kSectionContended) != 0;
    span->weight =
        (is_contended ? Weight::OfAmount(static_cast<double>(record.wait), record.interval)
                      : Weight::OfEvery(record.interval))
            .factor;
    events_->holds.Add(*span);
  }

  const Process& process_;
  const EventView& view_;
  TraceEvents* events_;
  absl::FunctionRef<bool(uint64_t, LockApi)> is_lock_;
  std::vector<Thread> threads_;                      // by StreamId, now
  absl::flat_hash_map<uint32_t, size_t> stream_of_;  // by its number in the dump
};

}  // namespace

void LongestSpans::Add(const LockSpan& span) {
  ++seen_;
  spans_.push_back(span);
  std::push_heap(spans_.begin(), spans_.end(), IsLonger);
  if (spans_.size() <= most_) return;
  std::pop_heap(spans_.begin(), spans_.end(), IsLonger);
  ++left_out_;
  left_out_ns_ += spans_.back().length_ns;
  spans_.pop_back();
}

std::vector<LockSpan> LongestSpans::Take() {
  std::sort(spans_.begin(), spans_.end(), [](const LockSpan& a, const LockSpan& b) {
    return std::tuple(a.tid, a.begin_ns, b.length_ns) < std::tuple(b.tid, b.begin_ns, a.length_ns);
  });
  return std::move(spans_);
}

TraceEvents ReadTraceEvents(const Profile& profile, size_t most,
                            absl::FunctionRef<bool(uint64_t lock, LockApi api)> is_lock) {
  TraceEvents events{LongestSpans(most), LongestSpans(most), LongestSpans(most)};
  Reader reader(profile, &events, is_lock);
  ReplayInTimeOrder(profile.dump.file, profile.dump.index, &reader);
  return events;
}

}  // namespace perfagent
