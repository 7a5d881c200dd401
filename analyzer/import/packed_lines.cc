#include "analyzer/import/packed_lines.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

constexpr size_t kChunk = size_t{1} << 17;
constexpr std::string_view kGzipMagic("\x1f\x8b", 2);
constexpr std::string_view kZstdMagic("\x28\xb5\x2f\xfd", 4);

class FileBytes : public ByteSource {
 public:
  explicit FileBytes(int fd) : fd_(fd), chunk_(kChunk) {}

  std::string_view Next(std::string* problem) override {
    ssize_t got;
    do {
      got = read(fd_, chunk_.data(), chunk_.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) *problem = strerror(errno);
    return {chunk_.data(), got < 0 ? 0 : static_cast<size_t>(got)};
  }

 private:
  int fd_;
  std::vector<char> chunk_;
};

// The packed bytes that are still to be unpacked, of a file whose first ones were read already.
class PackedBytes : public ByteSource {
 protected:
  PackedBytes(std::unique_ptr<ByteSource> file, std::string_view first)
      : packed_(first), chunk_(kChunk), file_(std::move(file)) {}

  // False at the file's end, or where it cannot be read.
  bool Refill(std::string* problem) {
    if (packed_.empty()) packed_ = file_->Next(problem);
    return !packed_.empty();
  }

  std::string_view packed_;
  std::vector<char> chunk_;

 private:
  std::unique_ptr<ByteSource> file_;
};

class GzipBytes : public PackedBytes {
 public:
  GzipBytes(std::unique_ptr<ByteSource> file, std::string_view first)
      : PackedBytes(std::move(file), first) {
    constexpr int kGzipWindow = 15 + 16;
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw std::runtime_error("zlib: no memory");
  }
  ~GzipBytes() override { inflateEnd(&stream_); }
  GzipBytes(const GzipBytes&) = delete;
  GzipBytes& operator=(const GzipBytes&) = delete;

  std::string_view Next(std::string* problem) override {
    while (Refill(problem)) {
      // One member after the other: gzip files can be put together.
      if (is_at_end_) inflateReset(&stream_);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed_.data()));
      stream_.avail_in = static_cast<uInt>(packed_.size());
      stream_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
      stream_.avail_out = static_cast<uInt>(chunk_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      packed_.remove_prefix(packed_.size() - stream_.avail_in);
      is_at_end_ = result == Z_STREAM_END;
      if (!is_at_end_ && result != Z_OK && result != Z_BUF_ERROR) {
        *problem = absl::StrCat("gzip: ", stream_.msg == nullptr ? "damaged" : stream_.msg);
        return {};
      }
      const size_t size = chunk_.size() - stream_.avail_out;
      if (size > 0) return {chunk_.data(), size};
    }
    if (problem->empty() && !is_at_end_) *problem = "gzip: the file ends early";
    return {};
  }

 private:
  z_stream stream_ = {};
  bool is_at_end_ = false;
};

class ZstdBytes : public PackedBytes {
 public:
  ZstdBytes(std::unique_ptr<ByteSource> file, std::string_view first)
      : PackedBytes(std::move(file), first), context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) throw std::runtime_error("zstd: no memory");
  }
  ~ZstdBytes() override { ZSTD_freeDCtx(context_); }
  ZstdBytes(const ZstdBytes&) = delete;
  ZstdBytes& operator=(const ZstdBytes&) = delete;

  std::string_view Next(std::string* problem) override {
    while (has_more_out_ || Refill(problem)) {
      ZSTD_inBuffer in{packed_.data(), packed_.size(), 0};
      ZSTD_outBuffer out{chunk_.data(), chunk_.size(), 0};
      left_ = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(left_)) {
        *problem = absl::StrCat("zstd: ", ZSTD_getErrorName(left_));
        return {};
      }
      packed_.remove_prefix(in.pos);
      has_more_out_ = out.pos == out.size;
      if (out.pos > 0) return {chunk_.data(), out.pos};
    }
    if (problem->empty() && left_ != 0) *problem = "zstd: the file ends early";
    return {};
  }

 private:
  ZSTD_DCtx* context_;
  size_t left_ = 0;  // 0: at the end of a frame
  bool has_more_out_ = false;
};

// The beginning of a file as it is, and then the rest.
class PlainBytes : public PackedBytes {
 public:
  PlainBytes(std::unique_ptr<ByteSource> file, std::string_view first)
      : PackedBytes(std::move(file), first) {}
  std::string_view Next(std::string* problem) override {
    Refill(problem);
    return std::exchange(packed_, {});
  }
};

std::unique_ptr<ByteSource> Unpacked(int fd, std::string* problem) {
  auto file = std::make_unique<FileBytes>(fd);
  const std::string_view first = file->Next(problem);
  if (first.starts_with(kGzipMagic)) return std::make_unique<GzipBytes>(std::move(file), first);
  if (first.starts_with(kZstdMagic)) return std::make_unique<ZstdBytes>(std::move(file), first);
  return std::make_unique<PlainBytes>(std::move(file), first);
}

}  // namespace

PackedLines::PackedLines(int fd) : source_(Unpacked(fd, &problem_)) {}

bool PackedLines::Next(std::string_view* line) {
  line_.clear();
  while (problem_.empty()) {
    const size_t end = bytes_.find('\n');
    const std::string_view part = bytes_.substr(0, end);
    if (line_.size() + part.size() > kLongestLine) {
      problem_ = absl::StrCat("line ", number_ + 1, " is longer than ", kLongestLine, " bytes");
      return false;
    }
    if (end != bytes_.npos) {
      bytes_.remove_prefix(end + 1);
      ++number_;
      if (!line_.empty()) line_ += part;
      *line = line_.empty() ? part : std::string_view(line_);
      return true;
    }
    line_ += part;
    bytes_ = source_->Next(&problem_);
    if (bytes_.empty()) break;
  }
  // A file may end without an end of line. Where it could not be read on, the last line is not whole.
  if (line_.empty() || !problem_.empty()) return false;
  ++number_;
  *line = line_;
  return true;
}

}  // namespace perfagent
