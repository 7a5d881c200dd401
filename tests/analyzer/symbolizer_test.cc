#include "analyzer/symbols/symbolizer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace perfagent {
namespace {

namespace fs = std::filesystem;

// The line numbers below are part of the truth: "line N" is asserted by name in the tests.
constexpr char kLibrarySource[] =
    R"(extern "C" int Sink(int);                                             // line 1
namespace shop {
struct Cache { int hits; int table[100]; };
Cache cache = {7, {}};
static volatile Cache hidden = {8, {}};
namespace { int anonymous_counter = 3; }
struct Price {
  int cents;
  inline __attribute__((always_inline)) int Taxed(int x) const {
    return Sink(cents * x);                                           // line 10
  }
};
inline __attribute__((always_inline)) int Total(const Price& price, int n) {
  return price.Taxed(n) + 1;                                          // line 14
}
namespace {
inline __attribute__((always_inline)) int Discounted(const Price& price) {
  return Total(price, 3) * 2;                                         // line 18
}
__attribute__((noinline)) int Hidden(int x) {
  return Sink(x + hidden.hits + anonymous_counter) + 5;               // line 21
}
}
__attribute__((noinline)) int Checkout(int cents) {
  Price price{cents};
  return Discounted(price) + Hidden(cents);                           // line 26
}
}
extern "C" int CheckoutC(int cents) {
  auto twice = [cents](int x) { return Sink(x + cents) * 2; };        // line 30
  return shop::Checkout(cents) + twice(cents) + shop::cache.hits;
}
asm(".text\n.globl hand_written\nhand_written:\n nop\n nop\n ret\n"
    ".size_less_end:\n nop\n ret\n");
)";

bool InCi() {
  const char* ci = getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

bool HasTool(const std::string& tool) {
  return system(("command -v " + tool + " >/dev/null 2>&1").c_str()) == 0;
}

// Skips, or fails where nothing may be skipped.
#define NEED_TOOL(tool)                               \
  do {                                                \
    if (!HasTool(tool)) {                             \
      if (InCi()) FAIL() << "missing tool: " << tool; \
      GTEST_SKIP() << "missing tool: " << tool;       \
    }                                                 \
  } while (false)

std::string Output(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  for (size_t size; (size = fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
    output.append(buffer, size);
  pclose(pipe);
  return output;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class SymbolizerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/symbolizer_test.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  void Run(const std::string& command) {
    ASSERT_EQ(system(("cd " + directory_ + " && " + command).c_str()), 0) << command;
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(Path(name), std::ios::binary) << text;
  }

  void BuildLibrary(const std::string& compiler, const std::string& flags) {
    Write("shop.cc", kLibrarySource);
    Run(compiler + " -shared -fPIC -Wl,--build-id " + flags + " " + Path("shop.cc") +
        " -o libshop.so");
  }

  ModuleImage Image(const std::string& path, uint64_t bias = 0x7f0000000000) const {
    return {bias, bias + (1 << 30), bias, BuildIdOf(path), path};
  }

  // By readelf, not by the code under test.
  static std::string BuildIdOf(const std::string& path) {
    std::string hex = Output("readelf -n " + path + " 2>/dev/null | sed -n 's/.*Build ID: //p'");
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
  }

  static std::string BuildIdHex(const std::string& path) {
    std::string hex = Output("readelf -n " + path + " 2>/dev/null | sed -n 's/.*Build ID: //p'");
    return hex.substr(0, hex.find('\n'));
  }

  static uint64_t SymbolAddress(const std::string& path, const std::string& name) {
    std::string line = Output("nm -C " + path + " | grep -E ' [a-zA-Z] " + name + "$' | head -1");
    return line.empty() ? 0 : std::stoull(line, nullptr, 16);
  }

  // Every instruction of .text but padding, which belongs to no function.
  static std::vector<uint64_t> Instructions(const std::string& path) {
    std::vector<uint64_t> addresses;
    for (const std::string& line : Lines(Output("objdump -dw --section=.text " + path))) {
      if (line.size() > 2 && line[0] == ' ' && line.find(":\t") != std::string::npos &&
          line.find("nop") == std::string::npos && line.find("xchg") == std::string::npos) {
        addresses.push_back(std::stoull(line, nullptr, 16));
      }
    }
    return addresses;
  }

  // "Taxed:10 < Total:14 < ...": last components and lines of the frames at some instruction that
  // has `want` of them, or what was seen instead.
  static std::string Describe(const std::vector<SourceFrame>& frames) {
    std::string text;
    for (const SourceFrame& frame : frames) {
      text += (text.empty() ? "" : " < ") + frame.function + ":" + std::to_string(frame.line) +
              (frame.inlined ? "i" : "");
    }
    return text;
  }

  static bool SomeInstructionIs(Symbolizer* symbolizer, const ModuleImage& image,
                                const std::string& elf, const std::string& want,
                                std::string* seen) {
    for (uint64_t address : Instructions(elf)) {
      std::string found = Describe(symbolizer->Resolve(&image, address + image.bias));
      *seen += found + "\n";
      if (found == want) return true;
    }
    return false;
  }

  std::string directory_;
};

// One reference: the frames that addr2line prints for each address.
using Frames = std::vector<std::pair<std::string, std::string>>;  // function, file:line

std::map<uint64_t, Frames> Addr2line(const std::string& path,
                                     const std::vector<uint64_t>& addresses,
                                     const std::string& list) {
  std::ofstream stream(list);
  for (uint64_t address : addresses) stream << std::hex << "0x" << address << "\n";
  stream.close();
  std::map<uint64_t, Frames> frames;
  Frames* current = nullptr;
  std::string function;
  for (std::string line : Lines(Output("addr2line -afiC -e " + path + " < " + list))) {
    if (line.rfind("0x", 0) == 0) {
      current = &frames[std::stoull(line, nullptr, 16)];
      function.clear();
    } else if (function.empty()) {
      function = line;
    } else {
      line = line.substr(0, line.find(" (discriminator"));
      if (line.size() > 2 && line.substr(line.size() - 2) == ":?") line.back() = '0';
      current->push_back({function, line});
      function.clear();
    }
  }
  return frames;
}

class AgainstAddr2line : public SymbolizerTest,
                         public testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(AgainstAddr2line, EveryInstructionHasTheSameFramesFilesAndLines) {
  auto [compiler, flags] = GetParam();
  NEED_TOOL(compiler);
  NEED_TOOL("addr2line");
  BuildLibrary(compiler, flags);
  std::string path = Path("libshop.so");
  ModuleImage image = Image(path);
  Symbolizer symbolizer({});
  size_t compared = 0;
  for (const auto& [address, expected] : Addr2line(path, Instructions(path), Path("addresses"))) {
    // Only the functions of shop.cc, neither crt files nor assembly.
    const std::string& outermost = expected.back().first;
    if (outermost.find("shop::") == std::string::npos && outermost != "CheckoutC") continue;
    std::vector<SourceFrame> actual = symbolizer.Resolve(&image, address + image.bias);
    ASSERT_EQ(actual.size(), expected.size()) << std::hex << address << " " << Describe(actual);
    for (size_t i = 0; i < actual.size(); ++i) {
      EXPECT_EQ(actual[i].file + ":" + std::to_string(actual[i].line), expected[i].second);
      // addr2line gives some inlined functions without linker name the name of the caller.
      bool same = actual[i].function.find(expected[i].first) != std::string::npos;
      EXPECT_TRUE(same || (actual[i].inlined && expected[i].first == outermost))
          << actual[i].function << " should contain " << expected[i].first;
      EXPECT_EQ(actual[i].inlined, i + 1 < actual.size());
      EXPECT_EQ(actual[i].module, path);
    }
    ++compared;
  }
  EXPECT_GT(compared, 15u);
  EXPECT_TRUE(symbolizer.Problems().empty());
}

INSTANTIATE_TEST_SUITE_P(Compilers, AgainstAddr2line,
                         testing::Values(std::pair{"g++", "-g -O2"},
                                         std::pair{"g++", "-g -O0 -gdwarf-4"},
                                         std::pair{"g++", "-g -O1 -gz"},
                                         std::pair{"clang++", "-g -O2 -gdwarf-4"},
                                         std::pair{"clang++", "-g -O0"}));

class BothCompilers : public SymbolizerTest, public testing::WithParamInterface<const char*> {};

TEST_P(BothCompilers, InlinedFramesNestWithTheirCallSites) {
  NEED_TOOL(GetParam());
  BuildLibrary(GetParam(), "-g -O2");
  std::string path = Path("libshop.so");
  std::string seen;
  Symbolizer symbolizer({});
  bool is_gcc = std::string(GetParam()) == "g++";  // writes no linker name for internal functions
  std::string discounted = is_gcc ? "shop::(anonymous namespace)::Discounted"
                                  : "shop::(anonymous namespace)::Discounted(shop::Price const&)";
  EXPECT_TRUE(
      SomeInstructionIs(&symbolizer, Image(path), path,
                        "shop::Price::Taxed(int) const:10i < shop::Total(shop::Price const&, "
                        "int):14i < " +
                            discounted + ":18i < shop::Checkout(int):26",
                        &seen))
      << seen;
  seen.clear();
  EXPECT_TRUE(SomeInstructionIs(&symbolizer, Image(path), path,
                                "shop::(anonymous namespace)::Hidden(int):21", &seen))
      << seen;
}

TEST_P(BothCompilers, TwoLoadAddressesOfOneFileGiveTheSameAnswers) {
  NEED_TOOL(GetParam());
  BuildLibrary(GetParam(), "-g -O2");
  std::string path = Path("libshop.so");
  ModuleImage one = Image(path, 0x7f1200000000);
  ModuleImage two = Image(path, 0x10000);
  Symbolizer symbolizer({});
  for (uint64_t address : Instructions(path)) {
    EXPECT_EQ(Describe(symbolizer.Resolve(&one, address + one.bias)),
              Describe(symbolizer.Resolve(&two, address + two.bias)));
  }
}

TEST_P(BothCompilers, AProgramOfFixedAddressIsResolvedWithBiasZero) {
  NEED_TOOL(GetParam());
  Write("main.c",
        "int g;\nint Leaf(int x) { return x + g; }\nint main(void) { return Leaf(1); }\n");
  Run(std::string(GetParam()) + " -x c -g -O0 -no-pie main.c -o prog");
  std::string path = Path("prog");
  ModuleImage image = Image(path, 0);
  Symbolizer symbolizer({});
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, SymbolAddress(path, "Leaf"))), "Leaf:2");
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, SymbolAddress(path, "main"))), "main:3");
  EXPECT_EQ(symbolizer.ResolveData(image, SymbolAddress(path, "g") + 2), "g+0x2");
}

INSTANTIATE_TEST_SUITE_P(Compilers, BothCompilers, testing::Values("g++", "clang++"));

class SeparateDebugFile : public SymbolizerTest {
 protected:
  // Frames of Checkout's call of Hidden need lines and inlining: symbols alone cannot give them.
  void SetUp() override {
    SymbolizerTest::SetUp();
    NEED_TOOL("g++");
    NEED_TOOL("objcopy");
    BuildLibrary("g++", "-g -O2");
    Run("mkdir full && cp libshop.so full/libshop.so && objcopy --only-keep-debug libshop.so "
        "shop.debug");
  }

  void ExpectFull(const std::vector<std::string>& debug_paths) {
    Symbolizer symbolizer({debug_paths});
    Symbolizer reference({});
    ModuleImage image = Image(Path("libshop.so"));
    ModuleImage full = Image(Path("full/libshop.so"));
    for (uint64_t address : Instructions(Path("full/libshop.so"))) {
      EXPECT_EQ(Describe(symbolizer.Resolve(&image, address + image.bias)),
                Describe(reference.Resolve(&full, address + full.bias)));
    }
    EXPECT_EQ(symbolizer.ResolveData(
                  image, image.bias + SymbolAddress(Path("full/libshop.so"), "shop::hidden")),
              "shop::hidden");
    EXPECT_TRUE(symbolizer.Problems().empty());
  }

  // What is to be said about libshop.so when `file` is the build of `other`.
  std::string OtherBuild(const std::string& what, const std::string& file, const std::string& other,
                         std::string recorded = "") {
    if (recorded.empty()) recorded = BuildIdHex(Path("libshop.so"));
    return Path("libshop.so") + ": " + what + Path(file) + " is another build: its build id is " +
           BuildIdHex(Path(other)) + ", recorded was " + recorded;
  }

  void InstallByBuildId() {
    std::string hex = BuildIdHex(Path("libshop.so"));
    Run("mkdir -p debug/.build-id/" + hex.substr(0, 2) + " && mv shop.debug debug/.build-id/" +
        hex.substr(0, 2) + "/" + hex.substr(2) + ".debug");
  }
};

TEST_F(SeparateDebugFile, IsFoundByBuildId) {
  Run("strip libshop.so");
  InstallByBuildId();
  ExpectFull({Path("debug")});
}

TEST_F(SeparateDebugFile, IsFoundByDebugLinkBesideTheFile) {
  Run("strip libshop.so && objcopy --add-gnu-debuglink=shop.debug libshop.so");
  ExpectFull({});
}

TEST_F(SeparateDebugFile, IsFoundByDebugLinkInTheDebugDirectories) {
  Run("strip libshop.so && objcopy --add-gnu-debuglink=shop.debug libshop.so"
      " && mkdir .debug && mv shop.debug .debug/");
  ExpectFull({});
  Run("mkdir -p root" + directory_ + " && mv .debug/shop.debug root" + directory_);
  ExpectFull({Path("root")});
}

TEST_F(SeparateDebugFile, OfAnotherBuildIsNotUsed) {
  Run("strip libshop.so && objcopy --add-gnu-debuglink=shop.debug libshop.so");
  std::string source = kLibrarySource;
  Write("shop.cc", "int shift_everything[1] = {1};\nint F(int x) { return x; }\n" + source);
  Run("g++ -shared -fPIC -g -O2 -Wl,--build-id shop.cc -o other.so &&"
      " objcopy --only-keep-debug other.so shop.debug");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("libshop.so"));
  uint64_t address = SymbolAddress(Path("full/libshop.so"), "shop::Checkout(.int.)");
  ASSERT_NE(address, 0u);
  std::vector<SourceFrame> frames = symbolizer.Resolve(&image, image.bias + address);
  EXPECT_EQ(Describe(frames), "shop::Checkout(int):0");  // .dynsym only
  EXPECT_EQ(frames[0].file, "");
  EXPECT_EQ(symbolizer.Problems(),
            std::vector<std::string>{OtherBuild("no lines: ", "shop.debug", "other.so")});
}

TEST_F(SeparateDebugFile, OfAnotherBuildInTheBuildIdsPlaceIsSaidAndNotUsed) {
  const std::string hex = BuildIdHex(Path("libshop.so"));
  const std::string place = "debug/.build-id/" + hex.substr(0, 2) + "/" + hex.substr(2) + ".debug";
  Run("strip libshop.so");
  Write("shop.cc", "int shift_everything[1] = {1};\nint F(int x) { return x; }\n" +
                       std::string(kLibrarySource));
  Run("g++ -shared -fPIC -g -O2 -Wl,--build-id shop.cc -o other.so && mkdir -p $(dirname " + place +
      ") && objcopy --only-keep-debug other.so " + place);
  Symbolizer symbolizer({{Path("debug")}});
  ModuleImage image = Image(Path("libshop.so"));
  uint64_t address = SymbolAddress(Path("full/libshop.so"), "shop::Checkout(.int.)");
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, image.bias + address)), "shop::Checkout(int):0");
  EXPECT_EQ(symbolizer.Problems(),
            std::vector<std::string>{OtherBuild("no lines: ", place, "other.so")});
  // Nor is it used in place of the file.
  Run("rm libshop.so");
  Symbolizer without({{Path("debug")}});
  EXPECT_EQ(without.Resolve(&image, image.bias + address)[0].function.rfind("libshop.so+0x", 0),
            0u);
  EXPECT_EQ(without.Problems(), std::vector<std::string>{OtherBuild("", place, "other.so", hex)});
}

TEST_F(SeparateDebugFile, WithAnotherChecksumThanTheLinksIsSaidAndNotUsed) {
  Run("strip -R .note.gnu.build-id libshop.so && objcopy -R .note.gnu.build-id shop.debug &&"
      " objcopy --add-gnu-debuglink=shop.debug libshop.so && printf x >> shop.debug");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("libshop.so"));
  uint64_t address = SymbolAddress(Path("full/libshop.so"), "shop::Checkout(.int.)");
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, image.bias + address)), "shop::Checkout(int):0");
  ASSERT_EQ(symbolizer.Problems().size(), 1u);
  EXPECT_NE(symbolizer.Problems()[0].find(Path("shop.debug") + " is another build: its checksum"),
            std::string::npos)
      << symbolizer.Problems()[0];
}

TEST_F(SeparateDebugFile, StandsInForAFileThatIsGone) {
  ModuleImage image = Image(Path("libshop.so"));
  InstallByBuildId();
  Run("rm libshop.so");
  Symbolizer symbolizer({{Path("debug")}});
  uint64_t address = SymbolAddress(Path("full/libshop.so"), "shop::Checkout(.int.)");
  EXPECT_EQ(symbolizer.Resolve(&image, image.bias + address).back().function,
            "shop::Checkout(int)");
  EXPECT_TRUE(symbolizer.Problems().empty());
}

// The recorded machine's files lie below a directory, as they lay there.
class Sysroot : public SeparateDebugFile {
 protected:
  void SetUp() override {
    SeparateDebugFile::SetUp();
    Run("mkdir -p root" + directory_ + " && cp libshop.so root" + directory_ +
        " && echo 'int Other(int x) { return x; }' > other.cc &&"
        " g++ -shared -fPIC -g -O2 -Wl,--build-id other.cc -o other.so");
    image_ = Image(Path("libshop.so"));
    hex_ = BuildIdHex(Path("libshop.so"));
    checkout_ = image_.bias + SymbolAddress(Path("full/libshop.so"), "shop::Checkout(.int.)");
  }
  std::string Below(const std::string& name) { return Path("root") + directory_ + "/" + name; }

  ModuleImage image_;
  std::string hex_;
  uint64_t checkout_ = 0;
};

TEST_F(Sysroot, HasFilesThatAreNotOrAreOthersHere) {
  for (const char* here : {"rm -f libshop.so", "cp other.so libshop.so"}) {
    Run(here);
    Symbolizer symbolizer({.debug_paths = {}, .sysroot = Path("root")});
    EXPECT_EQ(symbolizer.Resolve(&image_, checkout_).back().function, "shop::Checkout(int)");
    EXPECT_GT(symbolizer.Resolve(&image_, checkout_).back().line, 0);
    EXPECT_TRUE(symbolizer.Problems().empty());
    Symbolizer without({});
    EXPECT_EQ(without.Resolve(&image_, checkout_)[0].function.rfind("libshop.so+0x", 0), 0u);
  }
}

TEST_F(Sysroot, ComesBeforeTheRecordedPath) {
  image_.build_id.clear();  // either file would do
  Run("cp other.so " + Below("libshop.so"));
  Symbolizer symbolizer({.debug_paths = {}, .sysroot = Path("root")});
  const uint64_t other = image_.bias + SymbolAddress(Path("other.so"), "Other(.int.)");
  EXPECT_EQ(symbolizer.Resolve(&image_, other).back().function, "Other(int)");
}

TEST_F(Sysroot, HasDebugFilesAsTheRecordedMachineHadThem) {
  Run("rm libshop.so && strip " + Below("libshop.so"));
  for (const std::string& place :
       {"root/usr/lib/debug/.build-id/" + hex_.substr(0, 2) + "/" + hex_.substr(2) + ".debug",
        "root/usr/lib/debug" + directory_ + "/shop.debug", "root" + directory_ + "/shop.debug"}) {
    Run("mkdir -p $(dirname " + place + ") && cp shop.debug " + place +
        " && objcopy -R .gnu_debuglink " + Below("libshop.so") +
        " && objcopy --add-gnu-debuglink=shop.debug " + Below("libshop.so"));
    Symbolizer symbolizer({.debug_paths = {}, .sysroot = Path("root")});
    EXPECT_GT(symbolizer.Resolve(&image_, checkout_).back().line, 0) << place;
    EXPECT_TRUE(symbolizer.Problems().empty());
    Run("rm " + place);
    Symbolizer without({.debug_paths = {}, .sysroot = Path("root")});
    EXPECT_EQ(without.Resolve(&image_, checkout_).back().line, 0) << place;
  }
}

TEST_F(Sysroot, OfAnotherMachineIsSaidAndNotUsed) {
  Run("rm libshop.so && cp other.so " + Below("libshop.so"));
  Symbolizer symbolizer({.debug_paths = {}, .sysroot = Path("root")});
  EXPECT_EQ(symbolizer.Resolve(&image_, checkout_)[0].function.rfind("libshop.so+0x", 0), 0u);
  EXPECT_EQ(symbolizer.Problems(),
            std::vector<std::string>{Path("libshop.so") + ": " + Path("root") + Path("libshop.so") +
                                     " is another build: its build id is " +
                                     BuildIdHex(Path("other.so")) + ", recorded was " + hex_});
  Run("cp full/libshop.so .");
  Symbolizer here({.debug_paths = {}, .sysroot = Path("root")});
  EXPECT_EQ(here.Resolve(&image_, checkout_).back().function, "shop::Checkout(int)");
  EXPECT_TRUE(here.Problems().empty());
}

TEST_F(SeparateDebugFile, AFifoOfItsNameDoesNotHang) {
  Run("strip libshop.so && objcopy --add-gnu-debuglink=shop.debug libshop.so"
      " && rm shop.debug && mkfifo shop.debug");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("libshop.so"));
  EXPECT_FALSE(symbolizer.Resolve(&image, image.bias + 0x1000).empty());
}

TEST_F(SymbolizerTest, AStrippedLibraryHasItsExportedNamesAndHonestOffsets) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-O2");
  Run("mkdir full && cp libshop.so full/libshop.so && strip libshop.so");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("libshop.so"));
  uint64_t checkout = SymbolAddress(Path("full/libshop.so"), "CheckoutC");
  uint64_t hidden =
      SymbolAddress(Path("full/libshop.so"), "shop::.anonymous namespace.::Hidden(.int.)");
  if (hidden == 0) hidden = SymbolAddress(Path("full/libshop.so"), "shop::.*::Hidden.*");
  ASSERT_NE(hidden, 0u);
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, image.bias + checkout + 1)), "CheckoutC:0");
  char offset[64];
  snprintf(offset, sizeof(offset), "libshop.so+0x%llx:0", static_cast<unsigned long long>(hidden));
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, image.bias + hidden)), offset);
  EXPECT_EQ(symbolizer.ResolveData(
                image, image.bias + SymbolAddress(Path("full/libshop.so"), "shop::cache") + 0x40),
            "shop::cache+0x40");
  EXPECT_TRUE(symbolizer.Problems().empty());
}

TEST_F(SymbolizerTest, HandWrittenAssemblyReachesToTheNextSymbol) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-O2");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("libshop.so"));
  uint64_t label = SymbolAddress(Path("libshop.so"), "hand_written");
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, image.bias + label + 1)), "hand_written:0");
}

// Their entries lie within another function's.
TEST_F(SymbolizerTest, NestedFunctionsAreFound) {
  NEED_TOOL("gcc");
  Write("nested.c",
        "int Outer(int x) {\n"
        "  __attribute__((noinline)) int Inner(int y) { return x + y; }\n"
        "  return Inner(3);\n"
        "}\n");
  Run("gcc -g -O0 -shared -fPIC -Wl,--build-id nested.c -o libnested.so");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("libnested.so"));
  uint64_t inner = SymbolAddress(Path("libnested.so"), "Inner.*");
  ASSERT_NE(inner, 0u);
  EXPECT_EQ(Describe(symbolizer.Resolve(&image, image.bias + inner)), "Outer::Inner:2");
}

TEST_F(SymbolizerTest, SymbolNamesAreTheTablesEvenWhereCodeIsInlined) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-g -O2");
  std::string path = Path("libshop.so");
  ModuleImage image = Image(path);
  Symbolizer symbolizer({});
  size_t inlined = 0;
  uint64_t checkout = SymbolAddress(path, "shop::Checkout(.int.)");
  for (uint64_t address : Instructions(path)) {
    if (address < checkout || address >= checkout + 16) continue;
    EXPECT_EQ(symbolizer.SymbolName(image, image.bias + address), "shop::Checkout(int)");
    if (symbolizer.Resolve(&image, image.bias + address).size() > 1) ++inlined;
  }
  EXPECT_GT(inlined, 0u);
  EXPECT_EQ(symbolizer.SymbolName(image, image.bias + 1), "");
  EXPECT_EQ(symbolizer.SymbolName({0, 1 << 20, 0, "", Path("none")}, 1), "");
}

TEST_F(SymbolizerTest, StaticObjectsHaveNamesLocalOnesToo) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-O2");
  std::string path = Path("libshop.so");
  Symbolizer symbolizer({});
  ModuleImage image = Image(path);
  uint64_t hidden = image.bias + SymbolAddress(path, "shop::hidden");
  EXPECT_EQ(symbolizer.ResolveData(image, hidden), "shop::hidden");
  EXPECT_EQ(symbolizer.ResolveData(image, hidden + 403), "shop::hidden+0x193");  // its last byte
  EXPECT_EQ(symbolizer.ResolveData(image, image.bias + 1), "");
  EXPECT_EQ(symbolizer.ResolveData(image, 0), "");
  // A function is not an object, nor the other way round.
  EXPECT_EQ(symbolizer.ResolveData(image, image.bias + SymbolAddress(path, "CheckoutC")), "");
}

TEST_F(SymbolizerTest, UnknownAddressesHaveNames) {
  Symbolizer symbolizer({});
  EXPECT_EQ(Describe(symbolizer.Resolve(nullptr, 0x7f0012345678)), "0x7f0012345678:0");
  ModuleImage vdso{0x7000, 0x9000, 0x7000, "", "linux-vdso.so.1"};
  EXPECT_EQ(Describe(symbolizer.Resolve(&vdso, 0x7123)), "linux-vdso.so.1+0x123:0");
  ModuleImage unnamed{0x7000, 0x9000, 0x7000, "", ""};
  EXPECT_EQ(Describe(symbolizer.Resolve(&unnamed, 0x7123)), "[unnamed]+0x123:0");
  EXPECT_EQ(symbolizer.Problems().size(), 2u);
}

TEST_F(SymbolizerTest, AFileOfAnotherBuildIsNotBelieved) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-g -O2");
  std::string path = Path("libshop.so");
  ModuleImage image = Image(path);
  image.build_id[0] ^= 1;
  Symbolizer symbolizer({});
  uint64_t address = SymbolAddress(path, "CheckoutC");
  EXPECT_EQ(symbolizer.Resolve(&image, image.bias + address)[0].function.rfind("libshop.so+0x", 0),
            0u);
  ASSERT_EQ(symbolizer.Problems().size(), 1u);
  std::string recorded = BuildIdHex(path);
  snprintf(recorded.data(), 3, "%02x", static_cast<unsigned char>(image.build_id[0]));
  recorded[2] = BuildIdHex(path)[2];
  EXPECT_EQ(symbolizer.Problems()[0], path + ": is another build: its build id is " +
                                          BuildIdHex(path) + ", recorded was " + recorded);
  image.build_id.clear();  // nothing recorded: believed
  EXPECT_EQ(symbolizer.Resolve(&image, image.bias + address).back().function, "CheckoutC");
}

TEST_F(SymbolizerTest, UnusableFilesAreProblemsOnceEach) {
  Write("text", "not an ELF file");
  Write("empty", "");
  Write("magic", std::string("\177ELF\2\1\1", 7));
  Run("mkfifo fifo && mkdir dir && ln -s loop loop && ln -s fifo link");
  std::vector<std::string> paths = {Path("text"),
                                    Path("empty"),
                                    Path("magic"),
                                    Path("fifo"),
                                    Path("link"),
                                    Path("dir"),
                                    Path("loop"),
                                    Path("missing"),
                                    Path("dir/../../../../../../../../dev/zero"),
                                    "/dev/zero",
                                    "/dev/tty",
                                    "/proc/kmsg",
                                    "/proc/self/maps",
                                    std::string("with\0nul", 8),
                                    std::string(10000, 'x')};
  Symbolizer symbolizer({});
  for (int round = 0; round < 2; ++round) {
    for (const std::string& path : paths) {
      ModuleImage image{0x1000, 0x9000, 0x1000, "", path};
      EXPECT_FALSE(symbolizer.Resolve(&image, 0x2000)[0].function.empty());
      EXPECT_EQ(symbolizer.ResolveData(image, 0x2000), "");
    }
  }
  EXPECT_EQ(symbolizer.Problems().size(), paths.size());
}

TEST_F(SymbolizerTest, AFileWithoutAnySymbolIsAProblem) {
  NEED_TOOL("gcc");
  Write("bare.c", "void _start(void) { for (;;) {} }\n");
  Run("gcc -O2 -nostdlib -static -Wl,--build-id bare.c -o bare && strip bare");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("bare"), 0);
  EXPECT_EQ(symbolizer.Resolve(&image, 0x401000)[0].function, "bare+0x401000");
  ASSERT_EQ(symbolizer.Problems().size(), 1u);
  EXPECT_NE(symbolizer.Problems()[0].find("no symbols"), std::string::npos);
}

// Damage everywhere: headers, symbol tables, abbreviations, entries, line programs, ranges.
TEST_F(SymbolizerTest, DamagedFilesNeverCrash) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-g -O2");
  std::ifstream stream(Path("libshop.so"), std::ios::binary);
  std::stringstream whole;
  whole << stream.rdbuf();
  const std::string original = whole.str();
  std::vector<uint64_t> addresses = Instructions(Path("libshop.so"));
  unsigned state = 1;
  auto random = [&state](size_t limit) {
    state = state * 1103515245 + 12345;
    return ((state >> 8) * 65536ull + (state >> 16)) % limit;
  };
  for (int round = 0; round < 300; ++round) {
    std::string damaged = original;
    int flips = 1 + static_cast<int>(random(60));
    for (int i = 0; i < flips; ++i)
      damaged[random(damaged.size())] = static_cast<char>(random(256));
    if (round % 3 == 0) damaged.resize(random(damaged.size()));
    Write("damaged.so", damaged);
    Symbolizer symbolizer(
        {.debug_paths = {}, .in_this_process = true});  // where the sanitizers watch
    ModuleImage image{0, 1 << 20, 0, "", Path("damaged.so")};
    for (size_t i = 0; i < addresses.size(); i += 3) {
      EXPECT_FALSE(symbolizer.Resolve(&image, addresses[i]).empty());
    }
    symbolizer.ResolveData(image, 0x4000);
  }
}

// libdw would open what a skeleton unit names.
TEST_F(SymbolizerTest, SplitDebugFilesAreNotOpened) {
  NEED_TOOL("g++");
  Write("split.cc", "extern \"C\" int Split(int x) { return x + 1; }\n");
  Run("g++ -g -gsplit-dwarf -shared -fPIC -c split.cc -o split.o"
      " && g++ -shared -Wl,--build-id split.o -o libsplit.so && rm -f split.dwo && mkfifo "
      "split.dwo");
  Symbolizer symbolizer({});
  ModuleImage image = Image(Path("libsplit.so"));
  uint64_t address = SymbolAddress(Path("libsplit.so"), "Split");
  ASSERT_NE(address, 0u);
  EXPECT_EQ(symbolizer.Resolve(&image, image.bias + address).back().function, "Split");
}

// A shared debug file (dwz) is named by a path and a build id: here by hostile ones.
TEST_F(SymbolizerTest, SharedDebugFilesThatAreNoneAreNotUsed) {
  NEED_TOOL("g++");
  NEED_TOOL("objcopy");
  BuildLibrary("g++", "-g -O2");
  Run("mkfifo fifo && cp libshop.so plain.so");
  for (const std::string& link :
       {Path("fifo"), std::string("fifo"), std::string("../../../../../../../../dev/zero"),
        std::string("/proc/kmsg"), std::string(), std::string(5000, 'a')}) {
    Write("alt", link + std::string(1, '\0') + "\x1b../../x");
    Run("objcopy --add-section .gnu_debugaltlink=alt plain.so libshop.so");
    Symbolizer symbolizer({});
    ModuleImage image = Image(Path("libshop.so"));
    uint64_t address = SymbolAddress(Path("libshop.so"), "CheckoutC");
    EXPECT_EQ(symbolizer.Resolve(&image, image.bias + address).back().function, "CheckoutC");
    ASSERT_EQ(symbolizer.Problems().size(), 1u);
    EXPECT_NE(symbolizer.Problems()[0].find("no lines"), std::string::npos);
  }
}

TEST_F(SymbolizerTest, HostileBuildIdsNameNoOtherFiles) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-g -O2");
  Symbolizer symbolizer({{directory_}});
  std::vector<std::string> build_ids = {
      "/", "..", "../libshop.so", std::string("\0\0", 2), std::string(30000, '/'), "\x1b[31m"};
  for (const std::string& build_id : build_ids) {
    ModuleImage image = Image(Path("libshop.so"));
    image.build_id = build_id;
    EXPECT_EQ(symbolizer.Resolve(&image, image.bias + 1)[0].function, "libshop.so+0x1");
  }
  EXPECT_EQ(symbolizer.Problems().size(), build_ids.size());
}

// A debug link without build id is believed by a checksum of the whole file.
class EndlessDebugFile : public SymbolizerTest {
 protected:
  void SetUp() override {
    SymbolizerTest::SetUp();
    NEED_TOOL("g++");
    NEED_TOOL("objcopy");
    BuildLibrary("g++", "-g -O2");
    Run("mkdir full && cp libshop.so full/ && objcopy --only-keep-debug libshop.so shop.debug &&"
        " strip -R .note.gnu.build-id libshop.so && objcopy -R .note.gnu.build-id shop.debug &&"
        " objcopy --add-gnu-debuglink=shop.debug libshop.so && truncate -s 1T shop.debug");
  }

  ModuleImage Unidentified() {
    ModuleImage image = Image(Path("libshop.so"));
    EXPECT_EQ(image.build_id, "");
    return image;
  }
};

TEST_F(EndlessDebugFile, IsGivenUpAndSaid) {
  Symbolizer symbolizer({.debug_paths = {}, .cpu_seconds = 1});
  ModuleImage image = Unidentified();
  EXPECT_EQ(symbolizer.Resolve(&image, image.bias + 0x1000)[0].function, "libshop.so+0x1000");
  ASSERT_EQ(symbolizer.Problems().size(), 1u);
  EXPECT_NE(symbolizer.Problems()[0].find("reading its symbols takes more than 1 s"),
            std::string::npos)
      << symbolizer.Problems()[0];
}

TEST_F(EndlessDebugFile, LeavesOtherModulesTheirNames) {
  Symbolizer symbolizer({.debug_paths = {}, .cpu_seconds = 1});
  ModuleImage full = Image(Path("full/libshop.so"));
  ModuleImage endless = Unidentified();
  uint64_t checkout = SymbolAddress(Path("full/libshop.so"), "CheckoutC");
  EXPECT_EQ(symbolizer.Resolve(&full, full.bias + checkout).back().function, "CheckoutC");
  symbolizer.Resolve(&endless, endless.bias + 0x1000);
  EXPECT_EQ(symbolizer.Resolve(&full, full.bias + checkout).back().function, "CheckoutC");
  EXPECT_EQ(symbolizer.Resolve(&endless, endless.bias + 0x2000)[0].function, "libshop.so+0x2000")
      << "not asked about again";
  EXPECT_EQ(symbolizer.Problems().size(), 1u);
}

TEST_F(EndlessDebugFile, ReadAheadCostsNoOtherModuleItsNames) {
  Symbolizer symbolizer({.debug_paths = {}, .cpu_seconds = 1});
  symbolizer.Start();
  ModuleImage full = Image(Path("full/libshop.so"));
  ModuleImage endless = Unidentified();
  const uint64_t checkout = SymbolAddress(Path("full/libshop.so"), "CheckoutC");
  symbolizer.ReadAhead(full, full.bias + checkout);
  symbolizer.ReadAhead(endless, endless.bias + 0x1000);
  symbolizer.ReadAhead(full, full.bias + checkout);
  EXPECT_TRUE(symbolizer.Problems().empty()) << "nobody has asked yet";
  EXPECT_EQ(symbolizer.Resolve(&full, full.bias + checkout).back().function, "CheckoutC");
  EXPECT_TRUE(symbolizer.Problems().empty());
  EXPECT_EQ(symbolizer.Resolve(&endless, endless.bias + 0x1000)[0].function, "libshop.so+0x1000");
  ASSERT_EQ(symbolizer.Problems().size(), 1u);
  EXPECT_NE(symbolizer.Problems()[0].find("reading its symbols takes more than 1 s"),
            std::string::npos)
      << symbolizer.Problems()[0];
}

// More than there is room for in a socket.
TEST_F(SymbolizerTest, AnyNumberOfFilesMayBeReadAhead) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-g -O2");
  ModuleImage shop = Image(Path("libshop.so"));
  const uint64_t checkout = SymbolAddress(Path("libshop.so"), "CheckoutC");
  Symbolizer symbolizer({});
  symbolizer.Start();
  for (int i = 0; i < 10'000; ++i) {
    ModuleImage gone = shop;
    gone.path = Path(std::string(200, 'x') + std::to_string(i));
    symbolizer.ReadAhead(gone, gone.bias + checkout);
  }
  EXPECT_EQ(symbolizer.Resolve(&shop, shop.bias + checkout).back().function, "CheckoutC");
  EXPECT_TRUE(symbolizer.Problems().empty());
}

// The children of this process, says the kernel.
std::vector<pid_t> Children() {
  std::ifstream stream("/proc/self/task/" + std::to_string(getpid()) + "/children");
  std::vector<pid_t> children;
  for (pid_t child; stream >> child;) children.push_back(child);
  return children;
}

TEST_F(SymbolizerTest, AChildThatDiesCostsOneModuleItsNames) {
  NEED_TOOL("g++");
  BuildLibrary("g++", "-g -O2");
  Run("cp libshop.so other.so");
  ModuleImage shop = Image(Path("libshop.so"));
  ModuleImage other = Image(Path("other.so"));
  uint64_t checkout = SymbolAddress(Path("libshop.so"), "CheckoutC");
  {
    Symbolizer symbolizer({});
    EXPECT_EQ(symbolizer.Resolve(&shop, shop.bias + checkout).back().function, "CheckoutC");
    ASSERT_EQ(Children().size(), 1u);
    ASSERT_EQ(kill(Children()[0], SIGABRT), 0);
    char offset[64];
    snprintf(offset, sizeof offset, "libshop.so+0x%llx",
             static_cast<unsigned long long>(checkout + 1));
    EXPECT_EQ(symbolizer.Resolve(&shop, shop.bias + checkout + 1)[0].function, offset);
    EXPECT_EQ(symbolizer.Resolve(&other, other.bias + checkout).back().function, "CheckoutC");
    ASSERT_EQ(symbolizer.Problems().size(), 1u);
    EXPECT_NE(symbolizer.Problems()[0].find("libshop.so: reading its symbols crashes (signal 6)"),
              std::string::npos)
        << symbolizer.Problems()[0];
  }
  EXPECT_TRUE(Children().empty()) << "none is left behind";
}

TEST_F(SymbolizerTest, RustFunctionsHaveReadableNamesAndLines) {
  NEED_TOOL("rustc");
  Write("lib.rs",
        "#[no_mangle]\n"
        "pub extern \"C\" fn plain(x: u32) -> u32 { depot::stock(x) }\n"
        "mod depot {\n"
        "    #[inline(never)]\n"
        "    pub fn stock(x: u32) -> u32 { x.wrapping_mul(x) + 1 }\n"
        "}\n");
  Run("rustc -g -O --crate-type cdylib --crate-name goods lib.rs -o libgoods.so 2>/dev/null");
  std::string path = Path("libgoods.so");
  uint64_t address = SymbolAddress(path, "goods::depot::stock.*");
  if (address == 0) {  // an nm that knows no Rust
    address = std::stoull("0" + Output("nm " + path + " | grep depot | head -1"), nullptr, 16);
  }
  ASSERT_NE(address, 0u);
  Symbolizer symbolizer({});
  ModuleImage image = Image(path);
  std::vector<SourceFrame> frames = symbolizer.Resolve(&image, image.bias + address);
  EXPECT_EQ(frames.back().function, "goods::depot::stock");
  EXPECT_EQ(frames.back().line, 5);
}

}  // namespace
}  // namespace perfagent
