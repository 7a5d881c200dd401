#include "agent/memory_use.h"

#include <sys/resource.h>

#include <cstring>

#include "agent/clock.h"
#include "agent/dump_writer.h"
#include "agent/sandbox.h"
#include "agent/stream.h"
#include "agent/sys.h"

namespace perfagent::memory_use {

namespace {

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

// The greatest resident size so far, in bytes; 0 where the kernel does not say. It is the process's for a thread, too, and
// the kernel then does not add up all threads' times.
uint64_t PeakBytes() {
  rusage usage = {};
  if (sys::Call(SYS_getrusage, RUSAGE_THREAD, sys::Word(&usage)) != 0) return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) << 10;
}

// What the kernel goes on to count after exec, of the program before it (or of the process that started that with vfork);
// 0: no more than what this program had.
uint64_t peak_before_exec;

// The kernel's counters may each be some pages behind on every processor.
constexpr uint64_t kInexactBytes = 1 << 20;

uint64_t DumpBytes() {
  return kHeaderBytes + uint64_t{dump_writer::Used().segments} * kSegmentBytes;
}

}  // namespace

void Start() {
  char status[4096];  // it has some 1500 bytes
  if (sys::ReadFile("/proc/self/status", status, sizeof status) <= 0) return;
  const uint64_t own = BytesAfter("\nVmHWM:", status), counted = PeakBytes();
  peak_before_exec = own != 0 && counted > own + kInexactBytes ? counted : 0;
}

void StartInChild() { peak_before_exec = 0; }

void NotePeak(Stream* stream) {
  if (sandbox::Entered()) return;
  const uint64_t bytes = PeakBytes();
  if (bytes == 0) return;
  const uint64_t flags = bytes <= peak_before_exec ? kPeakBeforeExec : 0;
  stream->PutSized(PeakResidentRecord{.time = clock::Now(), .bytes = bytes, .flags = flags},
                   kMaxPlainRecord);
}

void NoteEnd(Stream* stream) {
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

}  // namespace perfagent::memory_use
