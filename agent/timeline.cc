#include "agent/timeline.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "agent/clock.h"
#include "agent/dump_writer.h"
#include "agent/sandbox.h"
#include "agent/stream.h"
#include "agent/sys.h"

namespace perfagent::timeline {

namespace {

constexpr uint64_t kEveryNs = 100'000'000;
constexpr uint64_t kShareOfTime = 1000;
// From one look to the next the time that has passed grows by a part of itself, so that a year's fit into the file: of
// 1 GiB a few tenths of a thousandth, of the smallest one a quarter.
constexpr uint64_t kFileBytesOfALook = 256 << 10;
constexpr uint64_t kLeastParts = 8, kMostParts = 1024;

uint64_t NextAfter(uint64_t now_ns, uint64_t took_ns) {
  const uint64_t file = uint64_t{dump_writer::Used().limit} * kSegmentBytes;
  const uint64_t parts = std::clamp(file / kFileBytesOfALook, kLeastParts, kMostParts);
  return now_ns + std::max({kEveryNs, took_ns * kShareOfTime, now_ns / parts});
}

constinit std::atomic<uint64_t> due_ns = kEveryNs;

// The number of KiB after `name` in the text of /proc/PID/status, in bytes; 0 where the kernel does not say.
uint64_t BytesAfter(const char* name, const char* status) {
  const char* at = strstr(status, name);
  if (at == nullptr) return 0;
  at += strlen(name);
  while (*at == ' ' || *at == '\t') ++at;
  uint64_t kib = 0;
  for (; *at >= '0' && *at <= '9'; ++at) kib = kib * 10 + static_cast<uint64_t>(*at - '0');
  return kib << 10;
}

uint64_t DumpBytes() {
  return kHeaderBytes + uint64_t{dump_writer::Used().segments} * kSegmentBytes;
}

}  // namespace

void Note(Stream* stream) {
  if (sandbox::Entered()) return;
  char* status = reinterpret_cast<char*>(stream->pcs);
  static_assert(sizeof stream->pcs >= 8192);  // it has some 1500 bytes
  if (sys::ReadFile("/proc/self/status", status, sizeof stream->pcs) <= 0) return;
  stream->Put(MemoryRecord{.time = clock::Now(),
                           .anonymous = BytesAfter("\nRssAnon:", status),
                           .file = BytesAfter("\nRssFile:", status),
                           .shared = BytesAfter("\nRssShmem:", status),
                           .stack = BytesAfter("\nVmStk:", status),
                           .swapped = BytesAfter("\nVmSwap:", status),
                           .mapped = BytesAfter("\nVmSize:", status),
                           .dump = DumpBytes()});
}

uint64_t NoteIfDue(uint64_t now_ns, Stream* stream) {
  uint64_t due = due_ns.load(std::memory_order_relaxed);
  if (now_ns < due || !due_ns.compare_exchange_strong(due, now_ns + kEveryNs)) return 0;
  const uint64_t begin = clock::Now();
  Note(stream);
  const uint64_t took = clock::Since(begin);
  due_ns.store(NextAfter(now_ns, clock::NsOf(took)));
  return took;
}

void RestartInChild() { due_ns.store(kEveryNs); }

}  // namespace perfagent::timeline
