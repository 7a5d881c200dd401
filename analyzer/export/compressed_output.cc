#include "analyzer/export/compressed_output.h"

#include <zlib.h>
#include <zstd.h>

#include <stdexcept>
#include <vector>

namespace perfagent {
namespace {

constexpr size_t kChunk = size_t{1} << 16;

class PlainOutput : public CompressedOutput {
 public:
  explicit PlainOutput(Output* output) : output_(output) {}
  void Finish() override { Flush(); }

 protected:
  bool Drain(std::string_view text) override {
    output_->Write(text);
    return !output_->closed();
  }

 private:
  Output* output_;
};

class GzipOutput : public CompressedOutput {
 public:
  explicit GzipOutput(Output* output) : output_(output), chunk_(kChunk) {
    constexpr int kGzipWindow = 15 + 16, kMemory = 8;
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("zlib: no memory");
    }
  }
  ~GzipOutput() override { deflateEnd(&stream_); }
  GzipOutput(const GzipOutput&) = delete;
  GzipOutput& operator=(const GzipOutput&) = delete;

  void Finish() override {
    Flush();
    Deflate({}, Z_FINISH);
  }

 protected:
  bool Drain(std::string_view text) override {
    Deflate(text, Z_NO_FLUSH);
    return !output_->closed();
  }

 private:
  void Deflate(std::string_view text, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
      stream_.avail_out = static_cast<uInt>(chunk_.size());
      deflate(&stream_, flush);
      output_->Write({chunk_.data(), chunk_.size() - stream_.avail_out});
    } while (stream_.avail_out == 0);
  }

  Output* output_;
  std::vector<char> chunk_;
  z_stream stream_ = {};
};

class ZstdOutput : public CompressedOutput {
 public:
  explicit ZstdOutput(Output* output)
      : output_(output), chunk_(kChunk), context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) throw std::runtime_error("zstd: no memory");
  }
  ~ZstdOutput() override { ZSTD_freeCCtx(context_); }
  ZstdOutput(const ZstdOutput&) = delete;
  ZstdOutput& operator=(const ZstdOutput&) = delete;

  void Finish() override {
    Flush();
    Compress({}, ZSTD_e_end);
  }

 protected:
  bool Drain(std::string_view text) override {
    Compress(text, ZSTD_e_continue);
    return !output_->closed();
  }

 private:
  void Compress(std::string_view text, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    size_t left = 0;
    do {
      ZSTD_outBuffer out{chunk_.data(), chunk_.size(), 0};
      left = ZSTD_compressStream2(context_, &out, &in, directive);
      if (ZSTD_isError(left)) throw std::runtime_error(ZSTD_getErrorName(left));
      output_->Write({chunk_.data(), out.pos});
    } while (directive == ZSTD_e_end ? left != 0 : in.pos < in.size);
  }

  Output* output_;
  std::vector<char> chunk_;
  ZSTD_CCtx* context_;
};

}  // namespace

Compression CompressionOf(const std::string& path) {
  if (path.ends_with(".gz")) return Compression::kGzip;
  return path.ends_with(".zst") ? Compression::kZstd : Compression::kNone;
}

std::unique_ptr<CompressedOutput> MakeCompressedOutput(Compression compression, Output* output) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipOutput>(output);
    case Compression::kZstd:
      return std::make_unique<ZstdOutput>(output);
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainOutput>(output);
}

}  // namespace perfagent
