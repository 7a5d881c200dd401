// reader_fuzz.cc: the analyzer on hostile dumps.
//
// Now and then a dump with every kind of record takes the place of one of the corpus.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "perfagent/dump_format.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

using Bytes = std::vector<uint8_t>;

// A process that the dump says is running is looked up by pid and host: not part of what is tested.
void Run(const Bytes& bytes) {
  const MemoryFile file(bytes);
  if (RunAllCommands(file.path()) < 0) abort();  // refused without a reason
}

void RepairChecksums(Bytes* dump) {
  if (dump->size() < kHeaderBytes) return;
  FixHeaderChecksum(dump);
  for (size_t at = kHeaderBytes; at + kSegmentBytes <= dump->size(); at += kSegmentBytes) {
    uint32_t committed = 0;
    memcpy(&committed, dump->data() + at + offsetof(SegmentHeader, committed), sizeof committed);
    if (committed > kSegmentPayload) continue;
    const uint64_t checksum = XXH3_64bits(dump->data() + at + sizeof(SegmentHeader), committed);
    memcpy(dump->data() + at + offsetof(SegmentHeader, checksum), &checksum, sizeof checksum);
  }
}

}  // namespace
}  // namespace perfagent::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace perfagent::test;
  Bytes bytes(data, data + size);
  Run(bytes);
  RepairChecksums(&bytes);
  Run(bytes);
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace perfagent::test;
  constexpr unsigned kOneIn = 32;
  static const Bytes everything = DumpWithEverything();
  if (seed % kOneIn == 0 && everything.size() <= max_size) {
    std::copy(everything.begin(), everything.end(), data);
    size = everything.size();
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
