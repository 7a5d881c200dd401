#include "analyzer/import/dump_maker.h"

#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cerrno>
#include <cstring>

#include "perfagent/dump_header.h"

namespace perfagent {

static_assert(MaxStackRecord(1) <= kMaxPlainRecord);

DumpMaker::DumpMaker(int fd) : fd_(fd), header_(std::make_unique<HeaderPage>()) {
  SetFormat(header_.get());
  header_->mode = Mode::kFull;
  header_->clock = Clock::kMonotonic;  // a tick is a nanosecond
  header_->heap_enabled = 1;
  header_->max_frames = kMaxFrames;
}

void DumpMaker::PutStack(uint64_t id, uint64_t parent, uint64_t pc) {
  definitions_.Put(StackRecord{id, parent, 0, 0, 1, &pc}, 0);
}

std::string DumpMaker::Finish(uint64_t end_ns) {
  definitions_.Seal();
  events_.Seal();
  header_->segments_claimed = segments_ | kSegmentsClosed;
  header_->file_bytes = kHeaderBytes + uint64_t{segments_} * kSegmentBytes;
  header_->end_state = EndState::kQuickExit;  // whose status nobody knows
  header_->end_ticks = end_ns;
  header_->checksum = XXH3_64bits(header_.get(), offsetof(HeaderPage, checksum));
  const auto* bytes = reinterpret_cast<const uint8_t*>(header_.get());
  std::vector<uint8_t> page(bytes, bytes + sizeof(HeaderPage));
  page.resize(kHeaderBytes);
  Write(page.data(), page.size(), 0);
  return error_ == 0 ? "" : strerror(error_);
}

void DumpMaker::Write(const void* bytes, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size && error_ == 0) {
    const ssize_t written = pwrite(fd_, static_cast<const char*>(bytes) + done, size - done,
                                   static_cast<off_t>(offset + done));
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
}

void DumpMaker::StreamMaker::Begin() {
  Seal();
  begun_ = std::make_unique<uint8_t[]>(kSegmentBytes);
  committed_ = 0;
  state_ = {};
  Append(ResetRecord{});
  if (sequence_ == 0 && !is_of_definitions_) Append(ThreadRecord{0, 1, ""});
  definitions_ = committed_;
}

void DumpMaker::StreamMaker::Seal() {
  if (begun_ == nullptr) return;
  auto* header = reinterpret_cast<SegmentHeader*>(begun_.get());
  header->magic = kSegmentMagic;
  header->kind = SegmentKind::kEvents;
  header->stream = number_;
  header->sequence = sequence_++;
  header->committed = static_cast<uint32_t>(committed_);
  header->sealed = 1;
  header->checksum = XXH3_64bits(begun_.get() + sizeof(SegmentHeader), committed_);
  header->last_time = last_time_ns_;
  header->definition_runs = 1;
  const size_t end = is_of_definitions_ ? committed_ : definitions_;
  header->definitions[0] = {0, static_cast<uint16_t>(end)};
  dump_->Write(begun_.get(), kSegmentBytes,
               kHeaderBytes + uint64_t{dump_->segments_} * kSegmentBytes);
  ++dump_->segments_;
  begun_.reset();
}

}  // namespace perfagent
