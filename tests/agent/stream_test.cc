// Streams and segments of many threads at once, written for the thread sanitizer; the bytes are read back.
// And one whose file takes too long to write to.
#include "agent/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/dump_writer.h"
#include "agent/modules.h"
#include "agent/process.h"
#include "agent/real.h"
#include "agent/unwind/rule_table.h"
#include "perfagent/event_codec.h"

namespace perfagent {

bool modules::IsAgent(uint64_t) { return false; }
const char* real::AllocatorPath() { return nullptr; }
const char* real::BypassPath() { return nullptr; }

namespace {

constexpr uint64_t kBlocksEach = 3000;
constexpr int kAtOnce = 8, kRounds = 12;

// Where a thread is when it makes a block: each wanders over three NUMA nodes.
uint32_t NodeOf(uint64_t thread, uint64_t block) {
  return static_cast<uint32_t>(thread + block / 1000) % 3;
}
thread_local uint32_t node_now;

// Blocks are numbered: thread << 32 | count.
void Write(uint64_t thread) {
  for (uint64_t i = 0; i < kBlocksEach; ++i) {
    Stream* stream = streams::Current();
    ASSERT_NE(stream, nullptr);
    node_now = NodeOf(thread, i);
    if (i % 1000 == 0) stream->DescribeNode();
    ASSERT_TRUE(stream->Put(AllocRecord{HeapApi::kMalloc, clock::Now(), thread << 32 | i, i, 0}));
    if (i % 64 == 0) stream->SumWait(LockApi::kMutexLock, 0x1000 + i % 7, thread, 5);
    if (i % 32 == 0) stream->SumRelease(LockApi::kMutexUnlock, 0x1000 + i % 7, thread);
    stream->CountAcquisition();
  }
}

}  // namespace

// Instead of libc's: this machine may have one node.
extern "C" int getcpu(unsigned*, unsigned* node) noexcept {
  *node = node_now;
  return 0;
}

namespace {

struct Found {
  std::map<uint64_t, uint64_t> next_of_thread;
  std::set<std::pair<uint32_t, uint32_t>> segments;  // stream, sequence
  std::map<uint32_t, DecoderState> states;           // by stream: segments go on from each other
  uint64_t contended = 0;
  uint64_t released = 0;
};

void ReadTable(const SegmentHeader& header, Found* found) {
  const auto* slots = reinterpret_cast<const LockTableSlot*>(&header + 1);
  for (size_t i = 0; i < kLockTableSlots; ++i) {
    found->contended += slots[i].contended;
    found->released += slots[i].released;
  }
}

void ReadEvents(const SegmentHeader& header, Found* found) {
  EXPECT_TRUE(found->segments.insert({header.stream, header.sequence}).second);
  Decoder decoder({reinterpret_cast<const uint8_t*>(&header + 1), header.committed},
                  &found->states[header.stream]);
  Record record;
  uint64_t node = 0;
  while (decoder.Next(&record)) {
    if (const auto* described = std::get_if<NodeRecord>(&record)) node = described->node;
    const auto* alloc = std::get_if<AllocRecord>(&record);
    if (alloc == nullptr) continue;
    uint64_t& next = found->next_of_thread[alloc->address >> 32];
    EXPECT_EQ(alloc->address & 0xffffffff, next) << "in order, none missing, none twice";
    EXPECT_EQ(node, NodeOf(alloc->address >> 32, next)) << "said anew in each segment";
    ++next;
  }
  EXPECT_EQ(decoder.error(), nullptr);
}

Found ReadDump() {
  Found found;
  const HeaderPage* header = dump_writer::Header();
  const auto* base = reinterpret_cast<const unsigned char*>(header) + kHeaderBytes;
  for (uint32_t i = 0; i < header->segments_claimed; ++i) {
    const auto* segment = reinterpret_cast<const SegmentHeader*>(base + i * kSegmentBytes);
    EXPECT_EQ(segment->magic, kSegmentMagic);
    segment->kind == SegmentKind::kEvents ? ReadEvents(*segment, &found)
                                          : ReadTable(*segment, &found);
  }
  return found;
}

class Streams : public testing::Test {
 protected:
  // A process has one dump.
  static void SetUpTestSuite() {
    if (dump_writer::Header() != nullptr) return;
    static const std::string path = testing::TempDir() + "/stream_test." + std::to_string(getpid());
    config.output = path.c_str();
    config.mode = RunMode::kFull;
    process::Gather();
    process::GatherAllocator();
    streams::Start();
    ASSERT_TRUE(dump_writer::Start());
    // One opener of many.
    std::atomic<int> openers = 0;
    std::vector<std::thread> racers;
    for (int i = 0; i < kAtOnce; ++i)
      racers.emplace_back([&] { openers += dump_writer::ClaimOpening(); });
    for (std::thread& racer : racers) racer.join();
    ASSERT_EQ(openers, 1);
    ASSERT_TRUE(dump_writer::Open());
    ASSERT_EQ(unlink(path.c_str()), 0);
  }
};

TEST_F(Streams, OfManyThreadsKeepEveryRecordOnceAndInOrder) {
  // Rounds, so that streams are taken over from threads that have ended.
  for (uint64_t round = 0; round < kRounds; ++round) {
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < kAtOnce; ++i) threads.emplace_back(Write, round * kAtOnce + i + 1);
    for (std::thread& thread : threads) thread.join();
  }

  const Found found = ReadDump();
  EXPECT_EQ(found.next_of_thread.size(), size_t{kAtOnce * kRounds});
  for (const auto& [thread, blocks] : found.next_of_thread)
    EXPECT_EQ(blocks, kBlocksEach) << thread;
  EXPECT_EQ(found.contended, kAtOnce * kRounds * ((kBlocksEach + 63) / 64));
  EXPECT_EQ(found.released, kAtOnce * kRounds * ((kBlocksEach + 31) / 32));
  std::set<uint32_t> streams;
  for (const auto& [stream, sequence] : found.segments) streams.insert(stream);
  EXPECT_LT(streams.size(), size_t{kAtOnce * kRounds}) << "no stream was taken over";
}

// How long a store to the file takes is up to what a tick of the clock is worth.
class StalledStore : public Streams {
 protected:
  void SetUp() override {
    config.clock = ClockChoice::kVdso;  // whose ticks do not go back
    clock::Start();
    clock::Calibrate();
    stream_ = streams::Current();
    ASSERT_NE(stream_, nullptr);
    ASSERT_TRUE(stream_->Put(IntervalRecord{clock::Now(), 1}));
    ASSERT_GT(stream_->present, stream_->committed);
    stream_->stalls = 0;
  }
  void TearDown() override {
    LeaveAloneForNoTime();
    stream_->present = stream_->committed;
    EXPECT_TRUE(stream_->Put(IntervalRecord{clock::Now(), 5}));
    EXPECT_FALSE(dump_writer::IsRefused());
    clock::source.ticks_per_ns = 1;
    config.clock = choice_before_;
  }

  // A tick is more than the millisecond that is a stall; the second for which the file is left alone is none.
  static constexpr double kAnyTimeIsLong = 1e-10;
  // The other way round, a stall would take hours, and the second months.
  static constexpr double kNoTimeIsLong = 1e7;

  void Stall(int stores = 1) {
    clock::source.ticks_per_ns = kAnyTimeIsLong;
    for (int i = 0; i < stores; ++i) stream_->NoteStall();
  }
  void DoNotStall() {
    clock::source.ticks_per_ns = kNoTimeIsLong;
    stream_->NoteStall();
  }

  static void LeaveAloneForNoTime() {
    clock::source.ticks_per_ns = kAnyTimeIsLong;
    dump_writer::BackOff();
  }

  const ClockChoice choice_before_ = config.clock;
  Stream* stream_;
};

TEST_F(StalledStore, FourInARowStopWritingUntilThereIsRoom) {
  Stall(3);
  EXPECT_FALSE(dump_writer::IsRefused());
  EXPECT_GT(stream_->present, stream_->committed);
  Stall();
  EXPECT_TRUE(dump_writer::IsRefused());
  EXPECT_EQ(stream_->present, stream_->committed) << "room is not asked for";

  // What the agent costs goes to the header, then to the segment again.
  const uint64_t billed = stream_->segment->agent_ticks;
  stream_->Bill(1000);
  EXPECT_EQ(stream_->segment->agent_ticks, billed);
  ASSERT_TRUE(stream_->Put(IntervalRecord{clock::Now(), 2}));
  EXPECT_FALSE(dump_writer::IsRefused());
  stream_->Bill(0);
  EXPECT_EQ(stream_->segment->agent_ticks, billed + 1000);
  Stall(3);
  EXPECT_FALSE(dump_writer::IsRefused()) << "a new row";
}

TEST_F(StalledStore, OneThatDoesNotStallBreaksTheRow) {
  for (int row = 0; row < 3; ++row) {
    Stall(3);
    DoNotStall();
  }
  EXPECT_FALSE(dump_writer::IsRefused());
  Stall(4);
  EXPECT_TRUE(dump_writer::IsRefused());
  EXPECT_TRUE(stream_->Put(IntervalRecord{clock::Now(), 3}));
}

TEST_F(StalledStore, EventsOfAFileThatIsLeftAloneAreCounted) {
  clock::source.ticks_per_ns = kNoTimeIsLong;
  stream_->present = stream_->committed;
  dump_writer::BackOff();
  std::atomic<uint64_t>& lost = dump_writer::Header()->losses[static_cast<size_t>(Loss::kDiskFull)];
  const uint64_t before = lost;
  EXPECT_FALSE(stream_->Put(IntervalRecord{clock::Now(), 4}));
  EXPECT_EQ(lost, before + 1);
  const uint32_t claimed = dump_writer::Used().segments;
  LeaveAloneForNoTime();
  EXPECT_TRUE(stream_->BeginSegment());
  EXPECT_EQ(dump_writer::Used().segments, claimed) << "the one that was claimed in vain is used";
}

TEST_F(StalledStore, ChangesNothingOfWhatIsWritten) {
  const auto* segment = reinterpret_cast<const unsigned char*>(stream_->segment);
  const std::vector<unsigned char> before(segment, segment + kSegmentBytes);
  Stall(3);
  DoNotStall();
  EXPECT_EQ(std::vector<unsigned char>(segment, segment + kSegmentBytes), before);
}

TEST_F(StalledStore, IsLookedForOnlyWhereThereIsASegment) {
  const auto none = std::make_unique<Stream>();
  clock::source.ticks_per_ns = kAnyTimeIsLong;
  for (int i = 0; i < 10; ++i) none->NoteStall();
  EXPECT_FALSE(dump_writer::IsRefused());
}

// The same rule for the same pc, whoever compiles it first.
TEST(RuleTable, ThreadsAgree) {
  ASSERT_TRUE(rule_table::Start());
  const auto code = reinterpret_cast<uint64_t>(&dump_writer::Open);
  constexpr uint64_t kPcs = 400;
  std::vector<std::vector<uint64_t>> rules(kAtOnce, std::vector<uint64_t>(kPcs));
  std::vector<std::thread> threads;
  for (std::vector<uint64_t>& mine : rules) {
    threads.emplace_back([&mine, code] {
      const auto workspace = std::make_unique<Workspace>();
      for (uint64_t i = 0; i < kPcs; ++i)
        mine[i] = rule_table::Find(code + i, 0, workspace.get()).bits();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<uint64_t>& mine : rules) EXPECT_EQ(mine, rules.front());
}

}  // namespace
}  // namespace perfagent
