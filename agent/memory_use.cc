#include "agent/memory_use.h"

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

}  // namespace perfagent::memory_use
