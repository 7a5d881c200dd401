// packed_lines.h: the lines of a file, which may be compressed with gzip or zstd: its first bytes say so.
//
// Memory does not grow with the file: of a line only so much is kept as any line may have.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perfagent {

// Bytes out of a file descriptor, as they are or unpacked.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Some of the next bytes; none at the end, or where they cannot be unpacked: then `problem` says why.
  virtual std::string_view Next(std::string* problem) = 0;
};

class PackedLines {
 public:
  static constexpr size_t kLongestLine = size_t{1} << 20;

  // The descriptor is the caller's, and outlives this. It is read from where it stands.
  explicit PackedLines(int fd);

  // Without its end. Valid until the next call. False at the end, or at what cannot be read: see problem.
  bool Next(std::string_view* line);
  // What the reading ended at; empty at the file's end.
  const std::string& problem() const { return problem_; }
  // The last line's, from 1 on.
  uint64_t number() const { return number_; }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string_view bytes_;  // not yet returned
  std::string line_;        // whose beginning was in bytes before
  std::string problem_;
  uint64_t number_ = 0;
};

}  // namespace perfagent
