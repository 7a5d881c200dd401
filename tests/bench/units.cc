// units: what parts of the agent cost on their own, in nanoseconds per call.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/dump_writer.h"
#include "agent/live_filter.h"
#include "agent/live_set.h"
#include "agent/modules.h"
#include "agent/process.h"
#include "agent/real.h"
#include "agent/sampler.h"
#include "agent/stack_table.h"
#include "agent/stream.h"
#include "agent/thread_state.h"
#include "perfagent/event_codec.h"

namespace perfagent {

// What the agent's entry points and its other rooms would define.
__thread ThreadState thread_state;
bool modules::IsAgent(uint64_t) { return false; }
const char* real::AllocatorPath() { return nullptr; }
const char* real::BypassPath() { return nullptr; }

namespace {

using benchmark::DoNotOptimize;

// Event i of a thread that allocates and frees now here, now there.
AllocRecord Alloc(uint64_t i) {
  return {HeapApi::kMalloc, i * 50, 0x555555559000 + i % 7 * 0x1230, 16 + i % 100, 1 + i % 20};
}
FreeRecord Free(uint64_t i) {
  return {HeapApi::kFree, 0, i * 50 + 25, 0x555555559000 + i % 7 * 0x1230, 1 + i % 20};
}

void SamplerDraw(benchmark::State& state) {
  uint64_t random = 1;
  for (auto _ : state) DoNotOptimize(sampler::DrawGap(&random, 512 << 10));
}
BENCHMARK(SamplerDraw)->Name("sampler: draw");

void SamplerLimit(benchmark::State& state) {
  uint64_t random = 1;
  for (auto _ : state) DoNotOptimize(sampler::DrawLimit(&random, 100, 512 << 10));
}
BENCHMARK(SamplerLimit)->Name("sampler: limit of a block");

// A heap of 16 MiB; in the second half of it, every block may be tracked.
void FilterLookUp(benchmark::State& state, uintptr_t begin) {
  constexpr uintptr_t kHalf = 8 << 20, kGranule = 1 << live_filter::kGranuleShift;
  if (!live_filter::MapGranules()) return state.SkipWithError("no memory");
  live_filter::WantTracked();
  for (uintptr_t block = kHalf; block < 2 * kHalf; block += kGranule) live_filter::Add(block);
  uintptr_t offset = 0;
  for (auto _ : state) {
    DoNotOptimize(live_filter::MayHold(reinterpret_cast<void*>(begin + offset)));
    offset = (offset + 4112) % kHalf;
  }
}
BENCHMARK_CAPTURE(FilterLookUp, miss, 0)->Name("live_filter: miss");
BENCHMARK_CAPTURE(FilterLookUp, hit, 8 << 20)->Name("live_filter: hit");

// With 10,000 blocks of each thread live.
void LiveSet(benchmark::State& state) {
  if (state.thread_index() == 0 && !(live_filter::MapGranules() && live_set::Start()))
    return state.SkipWithError("no memory");
  constexpr uintptr_t kLive = 10000, kBlock = 4112;
  // Heaps apart, also where the filter folds addresses.
  const uintptr_t begin = (uintptr_t{1} + static_cast<uintptr_t>(state.thread_index())) << 32;
  uintptr_t next = 0;
  for (auto _ : state) {
    DoNotOptimize(live_set::Insert(begin + next * kBlock, 1));
    if (next >= kLive) DoNotOptimize(live_set::Remove(begin + (next - kLive) * kBlock));
    ++next;
  }
}
BENCHMARK(LiveSet)->Name("live_set: insert and remove");
BENCHMARK(LiveSet)->Name("live_set: the same, 2 threads")->Threads(2);

void StackFind(benchmark::State& state) {
  constexpr unsigned kLog2Slots = 16;
  constexpr uint64_t kStacks = 10000;
  if (!stack_table::Start(kLog2Slots)) return state.SkipWithError("no memory");
  for (uint64_t i = 0; i < kStacks; ++i)
    stack_table::Insert(sampler::Scramble(i), stack_table::NewIds(1));
  uint64_t i = 0;
  for (auto _ : state) DoNotOptimize(stack_table::Find(sampler::Scramble(i++ % kStacks)));
}
BENCHMARK(StackFind)->Name("stack_table: find in 10,000");

void Clock(benchmark::State& state) {
  for (auto _ : state) DoNotOptimize(clock::Now());
}
BENCHMARK(Clock)->Name("clock: now");

// Into a dump: making its pages present is part of it.
void StreamPut(benchmark::State& state) {
  Stream* stream = streams::Current();
  uint64_t i = 0;
  for (auto _ : state) {
    if (stream == nullptr || !stream->Put(Alloc(i++))) return state.SkipWithError("no room");
  }
}
BENCHMARK(StreamPut)->Name("stream: put an allocation")->Iterations(4'000'000);

void Encode(benchmark::State& state) {
  std::array<uint8_t, kMaxPlainRecord> bytes;
  CodecState codec;
  uint64_t i = 0;
  for (auto _ : state) {
    Encoder encoder(bytes.data(), &codec);
    encoder.Put(Alloc(i++));
    DoNotOptimize(bytes);
  }
}
BENCHMARK(Encode)->Name("codec: encode an allocation");

void Decode(benchmark::State& state) {
  std::array<uint8_t, kSegmentPayload> bytes;
  CodecState codec;
  const auto tables = std::make_unique<prediction::EncoderTables>();
  size_t size = 0;
  for (uint64_t i = 0; size + 2 * kMaxPlainRecord < bytes.size(); ++i) {
    Encoder encoder(bytes.data() + size, &codec, tables.get());
    encoder.Put(Alloc(i));
    encoder.Put(Free(i));
    size += encoder.size();
  }
  const auto decoder_state = std::make_unique<DecoderState>();
  Decoder decoder({bytes.data(), size}, decoder_state.get());
  Record record;
  for (auto _ : state) {
    const bool is_any = decoder.Next(&record);
    DoNotOptimize(record);
    if (!is_any) decoder = Decoder({bytes.data(), size}, decoder_state.get());
  }
}
BENCHMARK(Decode)->Name("codec: decode an event");

// A dump that nobody finds.
bool StartDump() {
  clock::Start();
  static const std::string path = "/tmp/units." + std::to_string(getpid()) + ".dump";
  config.output = path.c_str();
  config.mode = RunMode::kFull;
  config.max_size = uint64_t{16} << 30;
  process::Gather();
  process::GatherAllocator();
  streams::Start();
  return dump_writer::Start() && dump_writer::ClaimOpening() && dump_writer::Open() &&
         unlink(path.c_str()) == 0;
}

}  // namespace
}  // namespace perfagent

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv) || !perfagent::StartDump()) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
