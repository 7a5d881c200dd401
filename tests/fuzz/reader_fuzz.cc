// reader_fuzz.cc: the analyzer on hostile dumps.
//
// With -fsanitize=fuzzer this is a libFuzzer target, which now and then takes a dump with every kind
// of record instead of one of the corpus. Without it, it has a main of its own:
//
//   reader_fuzz [-seconds=N] [-seed=N] [-out=FILE] DUMP...
//
// runs each file as it is and then, for N seconds (default 0), mutations of them. The input that is
// about to run is in FILE, so that a crash leaves its cause behind. Half of the mutations repair the
// checksums afterwards: otherwise the reader would refuse nearly all of them at the door.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
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

#ifdef PERFAGENT_LIBFUZZER

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

#else

namespace perfagent::test {
namespace {

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  Bytes Mutate(const std::vector<Bytes>& corpus) {
    Bytes bytes = corpus[random_() % corpus.size()];
    const size_t changes = 1 + random_() % 8;
    for (size_t i = 0; i < changes && !bytes.empty(); ++i) Change(&bytes);
    if (random_() % 16 == 0) bytes.resize(random_() % (bytes.size() + 1));
    if (random_() % 2 == 0) RepairChecksums(&bytes);
    return bytes;
  }

 private:
  // Most of a dump is free space: places near the beginning of a segment are likelier.
  size_t Place(size_t size) {
    if (random_() % 4 == 0 || size <= kHeaderBytes) return random_() % size;
    const size_t segments = (size - kHeaderBytes) / kSegmentBytes + 1;
    const size_t at =
        kHeaderBytes + random_() % segments * kSegmentBytes + random_() % (128 + 1024);
    return at < size ? at : random_() % size;
  }

  void Change(Bytes* bytes) {
    const size_t at = Place(bytes->size());
    switch (random_() % 4) {
      case 0:
        (*bytes)[at] ^= static_cast<uint8_t>(1 << random_() % 8);
        break;
      case 1:
        (*bytes)[at] = static_cast<uint8_t>(random_());
        break;
      case 2: {
        constexpr uint8_t kExtremes[] = {0, 1, 0x7f, 0x80, 0xff};
        (*bytes)[at] = kExtremes[random_() % std::size(kExtremes)];
        break;
      }
      default: {
        const size_t from = Place(bytes->size());
        const size_t size =
            std::min({size_t{1 + random_() % 64}, bytes->size() - at, bytes->size() - from});
        memmove(bytes->data() + at, bytes->data() + from, size);
      }
    }
  }

  std::mt19937_64 random_;
};

struct Options {
  double seconds = 0;
  uint64_t seed = 1;
  std::string out;
  std::vector<std::string> files;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("-seconds=")) {
      options.seconds = std::stod(word.substr(9));
    } else if (word.starts_with("-seed=")) {
      options.seed = std::stoull(word.substr(6));
    } else if (word.starts_with("-out=")) {
      options.out = word.substr(5);
    } else {
      options.files.push_back(word);
    }
  }
  return options;
}

Bytes ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

int Main(const Options& options) {
  std::vector<Bytes> corpus;
  for (const std::string& file : options.files) corpus.push_back(ReadBytes(file));
  for (const Bytes& bytes : corpus) LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  if (corpus.empty()) return 2;

  Mutator mutator(options.seed);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(options.seconds);
  uint64_t runs = 0;
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    const Bytes bytes = mutator.Mutate(corpus);
    if (!options.out.empty()) WriteBytes(options.out, bytes);
    Run(bytes);
  }
  printf("reader_fuzz: %zu files, %llu mutations, no crash\n", corpus.size(),
         static_cast<unsigned long long>(runs));
  if (!options.out.empty()) std::filesystem::remove(options.out);
  return 0;
}

}  // namespace
}  // namespace perfagent::test

int main(int argc, char** argv) {
  return perfagent::test::Main(perfagent::test::ParseOptions(argc, argv));
}

#endif  // PERFAGENT_LIBFUZZER
