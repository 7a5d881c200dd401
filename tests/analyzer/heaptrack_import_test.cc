// heaptrack's own files, read as dumps. That the totals are those of heaptrack_print, tests/scripts says.
#include "analyzer/import/heaptrack_import.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "analyzer/export/compressed_output.h"
#include "tests/support/analyze.h"

namespace perfagent::test {
namespace {

// handle() is inlined into main; of its blocks the second is temporary, the third leaks.
constexpr char kFile[] =
    "v 10400 3\n"
    "X ./svc --port 80\n"
    "I 1000 3e8000\n"
    "s 8 /opt/svc\n"
    "s 4 main\n"
    "s c /src/main.cc\n"
    "s 1d Svc::handle(int, char const*)\n"
    "s e /src/handle.cc\n"
    "i 401100 1 2 3 2a\n"
    "i 401200 1 4 5 11 2 3 2b\n"
    "t 1 0\n"
    "t 2 1\n"
    "a 0 1\n"
    "a 40 2\n"
    "I 2000 100000\n"
    "c 0\n"
    "R 700\n"
    "+ 1\n"
    "+ 1\n"
    "- 1\n"
    "- 1\n"
    "c a\n"
    "+ 1\n"
    "c 3e8\n"
    "R 500\n";

std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::string Packed(Compression compression, const std::string& text) {
  StringOutput output;
  const auto packed = MakeCompressedOutput(compression, &output);
  packed->Write(text);
  packed->Finish();
  output.Flush();
  return output.text();
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

TEST(HeaptrackImport, FiguresAndNamesAreThoseOfTheFile) {
  for (const Compression compression :
       {Compression::kNone, Compression::kGzip, Compression::kZstd}) {
    Profile profile = ProfileOf(Bytes(Packed(compression, kFile)));
    const HeapMetrics& total = profile.heap.total;
    EXPECT_EQ(total.allocations.value(), 3);
    EXPECT_EQ(total.bytes.value(), 192);
    EXPECT_EQ(total.frees.value(), 2);
    EXPECT_EQ(total.temporary.value(), 1);
    EXPECT_EQ(total.peak_bytes.value(), 128);
    EXPECT_EQ(total.leaked_bytes.value(), 64);
    const auto report = nlohmann::json::parse(JsonReportOf(&profile));
    EXPECT_EQ(report.at("processes").at(0).at("command"), "./svc --port 80");
    EXPECT_EQ(report.at("processes").at(0).at("recorder"), "heaptrack 1.4.0");
    EXPECT_EQ(report.at("processes").at(0).at("duration_ns"), 1'000'000'000);
    const auto& stack = report.at("heap").at("sites").at(0).at("stack");
    ASSERT_EQ(stack.size(), 3u) << stack;
    EXPECT_EQ(stack.at(0).at("function"), "Svc::handle(int, char const*)");
    EXPECT_EQ(stack.at(0).at("inlined"), true);
    EXPECT_EQ(stack.at(1).at("function"), "main");
    EXPECT_EQ(stack.at(1).at("line"), 43);
    EXPECT_EQ(stack.at(2).at("line"), 42);
    EXPECT_EQ(stack.at(2).at("module"), "/opt/svc");
  }
}

TEST(HeaptrackImport, ResidentMemoryIsItsPeakSoFar) {
  Profile profile = ProfileOf(Bytes(kFile));
  const auto heap = nlohmann::json::parse(JsonReportOf(&profile)).at("heap");
  const nlohmann::json points = heap.at("peak_resident");
  ASSERT_EQ(points.size(), 2u) << points;
  EXPECT_EQ(points.at(0).at("bytes"), 0x700 * 0x2000);
  EXPECT_EQ(points.at(0).at("time_ns"), 0);
  EXPECT_EQ(points.at(1).at("bytes"), 0x700 * 0x2000) << "less is resident then";
  EXPECT_EQ(points.at(1).at("time_ns"), 1'000'000'000);
  for (const char* bad : {"R 10000000000000", "R", "I 0 100000", "I"}) {
    Profile damaged = ProfileOf(Bytes(Replaced(kFile, "R 700", bad)));
    EXPECT_EQ(damaged.dump.damage.size(), 1u) << bad;
  }
}

TEST(HeaptrackImport, ReportSaysWhatHeaptrackDoesNotRecord) {
  Profile profile = ProfileOf(Bytes(kFile));
  const std::string text = TextReportOf(&profile);
  EXPECT_NE(text.find("recorded by  heaptrack 1.4.0"), std::string::npos) << text;
  EXPECT_NE(text.find("threads, locks"), std::string::npos) << text;
  EXPECT_NE(text.find("not recorded by heaptrack"), std::string::npos) << text;
  EXPECT_EQ(text.find("CONTENTION"), std::string::npos) << text;
}

TEST(HeaptrackImport, ExportedAgainItIsTheSame) {
  Profile profile = ProfileOf(Bytes(kFile));
  Profile again = ProfileOf(Bytes(ExportOf(&profile, "heaptrack")));
  EXPECT_EQ(again.heap.total.allocations.value(), 3);
  EXPECT_EQ(again.heap.total.temporary.value(), 1);
  EXPECT_EQ(again.heap.total.peak_bytes.value(), 128);
  EXPECT_EQ(again.heap.total.leaked_bytes.value(), 64);
}

TEST(HeaptrackImport, RawRecordingIsToBeInterpretedFirst) {
  const std::string raw = "v 10400 3\nx 8 /opt/svc\nm 1 -\n+ 40 1 7f00\n";
  EXPECT_NE(ErrorOf(Bytes(raw)).find("heaptrack --interpret"), std::string::npos);
}

TEST(HeaptrackImport, OtherFileFormatsAreNamed) {
  const std::string error = ErrorOf(Bytes(Replaced(kFile, "v 10400 3", "v 10200 2")));
  EXPECT_NE(error.find("file format 2 (heaptrack 1.2.0), expected 3"), std::string::npos) << error;
}

TEST(HeaptrackImport, WhatEndsEarlyIsDamagedAndTheRestIsRead) {
  std::string text = kFile;
  for (int i = 0; i < 100'000; ++i) text += "+ 1\n- 1\n";
  for (const Compression compression : {Compression::kGzip, Compression::kZstd}) {
    std::string packed = Packed(compression, text);
    packed.resize(packed.size() - 4);
    const Profile profile = ProfileOf(Bytes(packed));
    ASSERT_EQ(profile.dump.damage.size(), 1u);
    EXPECT_NE(profile.dump.damage[0].what.find("the file ends early"), std::string::npos)
        << profile.dump.damage[0].what;
    EXPECT_GT(profile.heap.total.allocations.value(), 1000);
  }
}

TEST(HeaptrackImport, LinesThatAreNotUnderstoodAreCounted) {
  const Profile profile = ProfileOf(Bytes(Replaced(kFile, "t 2 1\n", "t 2 1\n? x\n+ ff\n")));
  ASSERT_EQ(profile.dump.damage.size(), 1u);
  EXPECT_NE(
      profile.dump.damage[0].what.find("2 lines are not understood, the first is line 13: ? x"),
      std::string::npos)
      << profile.dump.damage[0].what;
  EXPECT_EQ(profile.heap.total.allocations.value(), 3);
}

TEST(HeaptrackImport, NoFileMakesItFail) {
  const std::string text = kFile;
  for (size_t size = 0; size < text.size(); size += 3) ErrorOf(Bytes(text.substr(0, size)));
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'f', '0', '\n', ' ', '\x80'}) {
      std::string changed = text;
      changed[i] = c;
      ErrorOf(Bytes(changed));
    }
  }
  const std::string packed = Packed(Compression::kZstd, text);
  for (size_t i = 0; i < packed.size(); ++i) {
    std::string changed = packed;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    ErrorOf(Bytes(changed));
  }
}

}  // namespace
}  // namespace perfagent::test
