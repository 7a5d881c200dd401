// The analyzer itself, as it is installed, on a dump far larger than the memory that it may use.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "tests/support/dump_builder.h"
#include "tests/support/process.h"
#include "tests/support/report.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;

// One full segment of blocks that come and go; some stay.
std::vector<uint8_t> Segment() {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  std::mt19937_64 random(3);
  stream.Thread(0, 1, "main");
  for (uint64_t i = 0; stream.current().committed() + 4 * kMaxPlainRecord < kSegmentPayload; ++i) {
    const uint64_t address = 0x10000 + random() % 100'000 * 16;
    stream.Alloc(i * 100, address, random() % 5000, 0);
    stream.Free(i * 100 + 50, address);
  }
  stream.current().Seal();
  return stream.current().bytes();
}

// Streams that take turns, of the same segment again and again: what a program looks like that runs for long.
void WriteDump(const std::filesystem::path& path, uint64_t bytes) {
  constexpr uint32_t kStreams = 4;
  const auto segments = static_cast<uint32_t>(bytes / kSegmentBytes);
  std::vector<uint8_t> segment = Segment();
  DumpBuilder header;
  header.header().file_bytes = uint64_t{1} << 40;
  std::vector<uint8_t> page = header.Bytes();
  memcpy(page.data() + offsetof(HeaderPage, segments_claimed), &segments, sizeof segments);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(page.data()), static_cast<std::streamsize>(page.size()));
  for (uint32_t i = 0; i < segments; ++i) {
    auto* begin = reinterpret_cast<SegmentHeader*>(segment.data());
    begin->stream = i % kStreams;
    begin->sequence = i / kStreams;
    file.write(reinterpret_cast<const char*>(segment.data()),
               static_cast<std::streamsize>(segment.size()));
  }
}

// 10 GB in 4 GB is 300 MB in 120. The program and its libraries are as large for every dump.
TEST(LargeDump, OfThreeHundredMegabytesIsReportedOnInFortyPercentOfItsSize) {
  const TempDir dir;
  const std::string path = dir / "large.dump";
  WriteDump(path, 300 * kMiB);
  const uint64_t allowed = 120 * kMiB + 64 * kMiB;
  const ProcessResult result =
      RunProcess({"bash", "-c", "ulimit -v \"$0\"; exec \"$@\"", std::to_string(allowed / 1024),
                  Analyzer(), "report", "--threads", "2", path},
                 {.env = {}, .stdin_text = "", .cwd = {}, .timeout = std::chrono::minutes(5)});
  EXPECT_EQ(result.exit_code, 0) << result.Describe();
  EXPECT_NE(result.out.find(" calls"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace perfagent::test
