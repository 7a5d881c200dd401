// elf_fuzz.cc: the symbolizer on hostile ELF files and debug information. A libFuzzer target.
//
// The files are read in this process, so that a bug in the analyzer ends it; one in libdw does too,
// which in the analyzer would end a child process only (analyzer/symbols/symbol_process.h).
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "analyzer/symbols/symbolizer.h"

namespace perfagent::test {
namespace {

// Addresses of code in the small libraries that are the corpus.
constexpr uint64_t kFirstAddress = 0x1000;
constexpr uint64_t kEndAddress = 0x1400;
constexpr uint64_t kStep = 9;

int MakeFile(const uint8_t* data, size_t size) {
  const int fd = memfd_create("module", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) abort();
  return fd;
}

void LookUp(const std::string& path) {
  Symbolizer symbolizer({.debug_paths = {"/nonexistent"}, .in_this_process = true});
  const ModuleImage module{0, uint64_t{1} << 20, 0, "", path};
  for (uint64_t address = kFirstAddress; address < kEndAddress; address += kStep) {
    if (symbolizer.Resolve(&module, address).empty()) abort();
    symbolizer.ResolveData(module, address + 0x3000);
  }
}

}  // namespace
}  // namespace perfagent::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int fd = perfagent::test::MakeFile(data, size);
  perfagent::test::LookUp("/proc/self/fd/" + std::to_string(fd));
  close(fd);
  return 0;
}
