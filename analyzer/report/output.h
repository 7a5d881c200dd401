// output.h: where results are written: buffered, and quiet when the reader has gone.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace perfagent {

class Output {
 public:
  virtual ~Output() = default;

  void Write(std::string_view text) {
    buffer_.append(text);
    if (buffer_.size() >= kFlushBytes) Flush();
  }
  void Flush() {
    if (!closed_) closed_ = !Drain(buffer_);
    buffer_.clear();
  }
  // Nothing that is written arrives any more.
  bool closed() const { return closed_; }

 protected:
  // False when there is no use in going on.
  virtual bool Drain(std::string_view text) = 0;

 private:
  static constexpr size_t kFlushBytes = size_t{1} << 16;

  std::string buffer_;
  bool closed_ = false;
};

// Writes to a file descriptor, which it does not own. REQUIRES: SIGPIPE is ignored.
class FileOutput : public Output {
 public:
  explicit FileOutput(int fd) : fd_(fd) {}

  // errno of the write that failed; 0 when none did. EPIPE is no failure: the reader (`| head`)
  // has had enough.
  int error() const { return error_; }

 protected:
  bool Drain(std::string_view text) override;

 private:
  int fd_;
  int error_ = 0;
};

class StringOutput : public Output {
 public:
  // REQUIRES: flushed.
  const std::string& text() const { return text_; }

 protected:
  bool Drain(std::string_view text) override {
    text_.append(text);
    return true;
  }

 private:
  std::string text_;
};

}  // namespace perfagent
