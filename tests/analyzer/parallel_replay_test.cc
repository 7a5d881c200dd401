// A dump says the same however many threads read it.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "analyzer/replay/block_replay.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

// Threads that share blocks: most are freed by another thread, some ends are recorded late or not at all, some times go
// backwards, and there are enough of them for many windows and parts.
class Generator {
 public:
  Generator(uint64_t seed, Mode mode) : random_(seed) {
    dump_.header().mode = mode;
    is_sampled_ = mode == Mode::kSample;
    if (is_sampled_) dump_.header().interval_bytes = 500;
    for (uint64_t i = 0; i < kThreads; ++i) {
      streams_.push_back(&dump_.AddStream());
      streams_.back()->Thread(0, 100 + i, "worker");
    }
    for (uint64_t i = 0; i < 40; ++i)
      stacks_.push_back(dump_.Stack({0x401000 + i, 0x400000}, 0, i % 7 == 0 ? kStackTruncated : 0));
    stacks_.push_back(0);
    stacks_.push_back(777'777);  // not defined
  }

  std::vector<uint8_t> Make(int events) {
    for (int i = 0; i < events; ++i) {
      time_ += Random(300);
      Step();
      if (Random(5000) == 0) OneThreadTakesOver();
      if (is_sampled_ && Random(2000) == 0) Thin();
    }
    return dump_.Bytes();
  }

 private:
  static constexpr uint64_t kThreads = 9;

  uint64_t Random(uint64_t end) { return random_() % end; }
  StreamBuilder& AnyStream() { return *streams_[Random(kThreads)]; }
  uint64_t AnyStack() { return stacks_[Random(stacks_.size())]; }
  // Few addresses, so that they come again soon.
  uint64_t AnyAddress() { return 0x10000 + 16 * Random(20'000); }

  void Step() {
    const uint64_t what = Random(100);
    if (live_.empty() || what < 48) return Alloc(AnyAddress(), time_);
    const size_t at = Random(live_.size());
    const uint64_t address = live_[at];
    live_[at] = live_.back();
    live_.pop_back();
    if (what < 90) {
      AnyStream().Free(time_, address, Random(3) == 0 ? kFreeTemporary : 0);
    } else if (what < 95) {
      const uint64_t to = AnyAddress();
      AnyStream().Realloc(time_, address, to, Random(10'000), AnyStack(), Random(500));
      live_.push_back(to);
    } else if (what <
               98) {  // an inversion: the next block begins before the end, says its thread's clock
      Alloc(address, time_ > 200 ? time_ - 200 : 0);
      AnyStream().Free(time_, address);
    } else {
      Locks(0x9000 + address % 3);
    }
  }

  // A wait with two cuts, of which one is another stream's release, and what its holder did.
  void Locks(uint64_t lock) {
    const uint64_t releaser = Random(kThreads), after = Random(1200);
    WaitCut cuts[] = {{after, releaser, 0}, {after + Random(200), 0, AnyStack()}};
    const uint64_t interval = is_sampled_ ? 3000 : 0;
    AnyStream().Put(LockWaitRecord{LockApi::kMutexLock, 0, time_, 1000, lock, AnyStack(), 0,
                                   interval, 2, cuts});
    if (Random(4) != 0) {
      streams_[releaser]->Put(
          LockReleaseRecord{LockApi::kMutexUnlock, time_ + after, lock, AnyStack()});
    }
    AnyStream().Put(LockSectionRecord{LockApi::kMutexLock, 0, time_, Random(5000), 0, lock,
                                      AnyStack(), interval, 0, 1, 2, 3, 4, 5, 6});
    AnyStream().Put(
        LockAcquireRecord{LockApi::kMutexLock, time_, lock, AnyStack(), 0, 0x9000 + Random(3)});
  }

  void Alloc(uint64_t address, uint64_t time) {
    const uint32_t limit = is_sampled_ ? sampling::LimitCode(static_cast<double>(Random(100'000)))
                                       : sampling::kNoLimit;
    AnyStream().Put(AllocRecord{HeapApi::kMalloc, time, address, Random(5000), AnyStack(), limit});
    live_.push_back(address);
  }

  void OneThreadTakesOver() { AnyStream().Thread(time_, next_tid_++, "next"); }

  void Thin() {
    interval_ += interval_ / 8;
    AnyStream().Put(ThinRecord{time_, interval_});
    for (StreamBuilder* stream : streams_) stream->Put(IntervalRecord{time_, interval_});
  }

  std::mt19937_64 random_;
  DumpBuilder dump_;
  bool is_sampled_;
  std::vector<StreamBuilder*> streams_;
  std::vector<uint64_t> stacks_;
  std::vector<uint64_t> live_;
  uint64_t time_ = 1000;
  uint64_t next_tid_ = 1000;
  uint64_t interval_ = 500;
};

// The dump's name is that of a memory file.
std::string ReportWith(size_t threads, const std::vector<uint8_t>& dump) {
  Profile profile = ProfileOf(dump, threads);
  profile.dump.path = "dump";
  for (Damage& damage : profile.dump.damage) damage.file = "dump";
  return JsonReportOf(&profile) + InfoOf(profile.dump);
}

TEST(ParallelReplay, NumberOfThreadsChangesNothing) {
  for (const Mode mode : {Mode::kFull, Mode::kSample}) {
    const std::vector<uint8_t> dump = Generator(5, mode).Make(200'000);
    const std::string one = ReportWith(1, dump);
    EXPECT_EQ(ReportWith(2, dump), one);
    EXPECT_EQ(ReportWith(5, dump), one);
  }
}

TEST(ParallelReplay, GeneratedDumpsHaveWhatIsDifficult) {
  const HeapProfile heap = ProfileOf(Generator(5, Mode::kFull).Make(200'000), 2).heap;
  EXPECT_GT(heap.overlaps, 0u);
  EXPECT_GT(heap.repaired_inversions, 0u);
  EXPECT_GT(heap.unpaired_frees, 0u);
  EXPECT_GT(heap.undefined_stacks, 0u);
  EXPECT_GT(heap.total.cross_thread_frees.value(), 0);
  EXPECT_GT(heap.total.reallocations.value(), 0);
}

}  // namespace
}  // namespace perfagent::test
