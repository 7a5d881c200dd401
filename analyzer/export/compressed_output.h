// compressed_output.h: an Output that compresses what is written to another one.
//
// Threads: one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "analyzer/report/output.h"

namespace perfagent {

enum class Compression { kNone, kGzip, kZstd };

// By the file's suffix: .gz, .zst, else none.
Compression CompressionOf(const std::string& path);

class CompressedOutput : public Output {
 public:
  // What was written so far, to its end. To be called once, after the last Write.
  virtual void Finish() = 0;
};

// `output` must outlive it.
std::unique_ptr<CompressedOutput> MakeCompressedOutput(Compression compression, Output* output);

}  // namespace perfagent
