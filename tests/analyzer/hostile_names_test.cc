// Names come from programs and from whoever names files: none may drive a terminal, move the text
// beside it or make a report that is no UTF-8, whichever command prints it.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "analyzer/commands/events.h"
#include "analyzer/commands/info.h"
#include "analyzer/commands/report.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"
#include "tests/support/process.h"

namespace perfagent::test {
namespace {

// Terminal title and colours, C1, backspace, newline and return, overrides, isolates, marks, zero
// width, separators, bytes that are no UTF-8, an overlong form, a surrogate.
constexpr char kEvil[] =
    "\x1b]0;pwn\x07\x1b[31m\b\n\r\t\x7f\xc2\x9b"
    "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\xa8"
    "\xff\xfe\xc0\xaf\xed\xa0\x80\xc3";

constexpr const char* kNeverPrinted[] = {"\x1b",         "\x07",         "\b",       "\r",
                                         "\t",           "\x7f",         "\xc2\x9b", "\xe2\x80\xae",
                                         "\xe2\x81\xa6", "\xe2\x80\x8f", "\xd8\x9c", "\xe2\x80\x8b",
                                         "\xef\xbb\xbf", "\xe2\x80\xa8", "\xff"};

// By the JSON library, not by the code under test.
bool IsUtf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

void ExpectHarmless(const std::string& text, const std::string& what) {
  EXPECT_TRUE(IsUtf8(text)) << what;
  for (const char* bytes : kNeverPrinted) {
    EXPECT_EQ(text.find(bytes), std::string::npos)
        << what << " prints "
        << nlohmann::json(std::string(bytes))
               .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  }
}

template <size_t N>
void SetText(char (&field)[N], const std::string& text) {
  snprintf(field, N, "%s", text.c_str());
}

// Evil in every place that a dump has for text, each with a name of its own.
void FillWithEvil(DumpBuilder* dump, const std::string& module) {
  HeaderPage& header = dump->header();
  SetText(header.host, std::string("host") + kEvil);
  SetText(header.executable, std::string("/bin/exe") + kEvil);
  SetText(header.command_line, std::string("command") + kEvil);
  SetText(header.allocator, std::string("/allocator") + kEvil);
  SetText(header.bypassed_by, std::string("/bypass") + kEvil);
  StreamBuilder& stream = dump->AddStream();
  stream.Thread(0, 1, std::string("thread") + kEvil);
  dump->Module(0x400000, 0x500000, module);
  stream.Put(ModuleLoadRecord{0, 0, 0x600000, 0x700000, 0x600000, kEvil,
                              "/libother" + std::string(kEvil)});
  stream.Put(MarkRecord{1, std::string("mark") + kEvil});
  stream.Put(UnseenRecord{1, std::string("/unseen") + kEvil});
  const uint64_t stack = dump->Stack({0x401001, 0x601000});
  stream.Alloc(10, 0x1000, 64, stack);
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 20, 1000, 0x402000, stack});
  dump->AddLockTable().PutSlot(0x402000, 0x601000, 1, 1000);
}

struct Printed {
  std::string out;
  std::string err;
};

template <typename Command>
Printed Capture(Command command) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  command();
  const std::string out = testing::internal::GetCapturedStdout();
  return {out, testing::internal::GetCapturedStderr()};
}

std::vector<std::pair<std::string, Printed>> PrintAll(const std::string& path) {
  return {
      {"report", Capture([&] { RunReport({.inputs = {path}}); })},
      {"report json",
       Capture([&] { RunReport({.inputs = {path}, .format = ReportFormat::kJson}); })},
      {"info", Capture([&] { RunInfo({.inputs = {path}}); })},
      {"events", Capture([&] { RunEvents({.inputs = {path}, .stacks = true}); })},
  };
}

class HostileNamesTest : public testing::Test {
 protected:
  std::string EvilPath(const std::string& name) const { return dir_.path() / (name + kEvil); }

  TempDir dir_;
};

TEST_F(HostileNamesTest, NoCommandPrintsThemAsTheyAre) {
  DumpBuilder dump;
  FillWithEvil(&dump, std::string("/lib/module") + kEvil);
  dump.WriteTo(EvilPath("file"));
  const auto printed = PrintAll(EvilPath("file"));
  for (const auto& [command, text] : printed) {
    ExpectHarmless(text.out, command);
    ExpectHarmless(text.err, command + " on stderr");
  }
  // All of them were printed somewhere, so that the lines above say something.
  for (const char* name : {"file", "host", "exe", "command", "allocator", "bypass", "mark",
                           "unseen", "module", "libother"}) {
    EXPECT_NE(printed[0].second.out.find(name), std::string::npos) << name << " in the report";
    EXPECT_NE(printed[1].second.out.find(name), std::string::npos) << name << " in JSON";
  }
  for (const char* name : {"file", "thread", "module", "libother", "unseen", "allocator"}) {
    EXPECT_NE(printed[2].second.out.find(name), std::string::npos) << name << " in info";
  }
  for (const char* name : {"thread", "module", "libother", "unseen", "mark"}) {
    EXPECT_NE(printed[3].second.out.find(name), std::string::npos) << name << " in events";
  }
  EXPECT_TRUE(nlohmann::json::accept(printed[1].second.out));
}

TEST_F(HostileNamesTest, ErrorsAboutFilesOfSuchNamesDoNot) {
  DumpBuilder dump;
  dump.AddStream().Alloc(1, 0x1000, 10, 0);
  std::vector<uint8_t> bytes = dump.Bytes();
  bytes.resize(bytes.size() - 1);
  WriteBytes(EvilPath("damaged"), bytes);
  WriteFile(EvilPath("text"), "no dump");
  std::filesystem::create_directory(EvilPath("empty"));
  for (const char* name : {"damaged", "text", "empty", "missing"}) {
    for (const auto& [command, text] : PrintAll(EvilPath(name))) {
      ExpectHarmless(text.out, command);
      ExpectHarmless(text.err, command + " on stderr");
      EXPECT_NE(text.err.find(name), std::string::npos) << command << " does not name " << name;
    }
  }
}

// The compiler will not write such a symbol: the name is put into the finished file.
TEST_F(HostileNamesTest, NorSymbolsSourceFilesAndModulesOnDisk) {
  REQUIRE_PROGRAM("g++", "g++");
  const std::string placeholder(strlen(kEvil), 'E');
  WriteFile(dir_ / (placeholder + ".cc"), "extern \"C\" int Begin" + placeholder +
                                              "(int x) { return x + 1; }\n"
                                              "int object" +
                                              placeholder + "[100] = {1};\n");
  const std::string library = EvilPath("lib");
  ProcessOptions options;
  options.cwd = dir_.path();
  const ProcessResult built =
      RunProcess({"g++", "-g", "-shared", "-fPIC", placeholder + ".cc", "-o", library}, options);
  ASSERT_TRUE(built.Succeeded()) << built.Describe();
  std::string elf = ReadFile(library);
  size_t patched = 0;
  for (size_t at = 0; (at = elf.find(placeholder, at)) != std::string::npos; ++patched) {
    elf.replace(at, placeholder.size(), kEvil);
  }
  ASSERT_GE(patched, 3u);
  WriteFile(library, elf);

  // Every address of its code and data, so that no layout is assumed.
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  dump.Module(0x400000, 0x410000, library);
  for (uint64_t at = 0x400001; at < 0x403000; at += 4) {
    stream.Alloc(at, at * 16, 64, dump.Stack({at}));
  }
  for (const uint64_t page : {0x403000, 0x404000}) {
    SegmentBuilder& locks = dump.AddLockTable();
    for (uint64_t at = page; at < page + 0x1000; at += 16) locks.PutSlot(at, 0x401001, 1, 1000);
  }
  dump.WriteTo(dir_ / "dump");
  const auto printed = PrintAll(dir_ / "dump");
  for (const auto& [command, text] : printed) {
    ExpectHarmless(text.out, command);
    ExpectHarmless(text.err, command + " on stderr");
  }
  EXPECT_NE(printed[1].second.out.find("Begin"), std::string::npos) << "the function was found";
  EXPECT_NE(printed[1].second.out.find("object"), std::string::npos) << "the object was found";
  EXPECT_NE(printed[3].second.out.find("Begin"), std::string::npos);
}

}  // namespace
}  // namespace perfagent::test
