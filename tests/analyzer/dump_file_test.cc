#include "analyzer/dump/dump_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"
#include "tests/support/process.h"

namespace perfagent::test {
namespace {

std::string OpenError(const std::string& path) {
  std::string error;
  EXPECT_FALSE(DumpFile::Open(path, &error));
  return error;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), std::string::npos, end) == 0;
}

std::vector<uint8_t> SmallDump() {
  DumpBuilder dump;
  dump.AddStream().Thread(0, 1, "main");
  return dump.Bytes();
}

template <typename T>
void Set(std::vector<uint8_t>* dump, size_t offset, T value) {
  memcpy(dump->data() + offset, &value, sizeof value);
}

TEST(DumpFile, MissingFileIsNamed) {
  EXPECT_EQ(OpenError("/nonexistent/app.dump"), "/nonexistent/app.dump: No such file or directory");
}

TEST(DumpFile, EmptyFileIsCalledEmpty) {
  EXPECT_TRUE(EndsWith(ErrorOf({}), ": is empty")) << ErrorOf({});
}

TEST(DumpFile, TextFileIsCalledText) {
  const std::string text = "#!/bin/sh\necho hello\n";
  const std::string error = ErrorOf({text.begin(), text.end()});
  EXPECT_TRUE(EndsWith(error, ": is a text file, not a dump")) << error;
}

TEST(DumpFile, OtherBinaryFileIsNoDump) {
  const std::string error = ErrorOf({0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0});
  EXPECT_TRUE(EndsWith(error, ": is not a dump")) << error;
}

TEST(DumpFile, DirectoriesAndFifosAreNoRegularFilesAndDoNotBlock) {
  TempDir dir;
  EXPECT_TRUE(EndsWith(OpenError(dir.path()), ": not a regular file"));
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(EndsWith(OpenError(dir / "fifo"), ": not a regular file"));
  EXPECT_TRUE(EndsWith(OpenError("/dev/null"), ": not a regular file"));
}

TEST(DumpFile, HeaderCutShortNamesBothLengths) {
  std::vector<uint8_t> dump = SmallDump();
  dump.resize(5000);
  const std::string error = ErrorOf(dump);
  EXPECT_TRUE(EndsWith(error, ": header ends at 5000 bytes, expected 8192")) << error;
}

TEST(DumpFile, OtherMajorVersionNamesBothVersions) {
  std::vector<uint8_t> dump = SmallDump();
  Set<uint16_t>(&dump, offsetof(HeaderPage, version_major), kVersionMajor + 1);
  const std::string error = ErrorOf(dump);
  const std::string found = std::to_string(kVersionMajor + 1) + "." + std::to_string(kVersionMinor);
  const std::string read = std::to_string(kVersionMajor) + ".x";
  EXPECT_TRUE(EndsWith(error, ": dump format " + found + ", this analyzer reads " + read)) << error;
}

TEST(DumpFile, NewerMinorVersionIsRead) {
  DumpBuilder dump;
  dump.header().version_minor = kVersionMinor + 1;
  EXPECT_EQ(ErrorOf(dump.Bytes()), "");
}

TEST(DumpFile, OtherMachineIsNamed) {
  std::vector<uint8_t> dump = SmallDump();
  Set<uint16_t>(&dump, offsetof(HeaderPage, machine), 183);
  const std::string error = ErrorOf(dump);
  EXPECT_TRUE(EndsWith(error, ": recorded on machine type 183, this analyzer reads 62 (x86-64)"))
      << error;
}

TEST(DumpFile, ChangedHeaderFailsItsChecksum) {
  std::vector<uint8_t> dump = SmallDump();
  dump[offsetof(HeaderPage, executable)] ^= 1;
  EXPECT_NE(ErrorOf(dump).find(": header checksum "), std::string::npos) << ErrorOf(dump);
}

TEST(DumpFile, OtherSegmentSizeIsRefused) {
  std::vector<uint8_t> dump = SmallDump();
  Set<uint32_t>(&dump, offsetof(HeaderPage, segment_bytes), 65536);
  FixHeaderChecksum(&dump);
  const std::string error = ErrorOf(dump);
  EXPECT_TRUE(
      EndsWith(error, ": header of 8192 and segments of 65536 bytes, expected 8192 and 32768"))
      << error;
}

TEST(DumpFile, UnknownModeIsRefused) {
  std::vector<uint8_t> dump = SmallDump();
  Set<uint32_t>(&dump, offsetof(HeaderPage, mode), 7);
  FixHeaderChecksum(&dump);
  EXPECT_TRUE(EndsWith(ErrorOf(dump), ": mode 7, expected 1 or 2")) << ErrorOf(dump);
}

TEST(DumpFile, ClaimsBeyondTheFilesSizeFoundNoRoom) {
  DumpBuilder dump;
  dump.header().file_bytes = kHeaderBytes + 3 * kSegmentBytes + 5;
  std::vector<uint8_t> bytes = dump.Bytes();
  Set<uint32_t>(&bytes, offsetof(HeaderPage, segments_claimed), 1000);
  const MemoryFile file(bytes);
  std::string error;
  const std::optional<DumpFile> opened = DumpFile::Open(file.path(), &error);
  ASSERT_TRUE(opened) << error;
  EXPECT_EQ(opened->ClaimedSegments(), 3u);
}

TEST(DumpFile, MagicAloneMakesAFileOfADirectory) {
  TempDir dir;
  WriteFile(dir / "a.dump", "PFADUMP1 and whatever");
  WriteFile(dir / "b.txt", "PFADUMP");
  EXPECT_TRUE(DumpFile::LooksLikeDump(dir / "a.dump"));
  EXPECT_FALSE(DumpFile::LooksLikeDump(dir / "b.txt"));
  EXPECT_FALSE(DumpFile::LooksLikeDump(dir.path()));
}

}  // namespace
}  // namespace perfagent::test
