#include "analyzer/import/heaptrack_import.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "analyzer/dump/regular_file.h"
#include "analyzer/import/dump_maker.h"
#include "analyzer/import/packed_lines.h"

namespace perfagent {
namespace {

constexpr uint64_t kFileVersion = 3;
constexpr uint64_t kNsPerMs = 1'000'000;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Where files without a name are made.
std::string TemporaryDirectory() {
  const char* directory = getenv("TMPDIR");
  return directory == nullptr || *directory == '\0' ? "/tmp" : directory;
}

// The hexadecimal numbers of a line, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}

  // False where no number follows.
  bool Next(uint64_t* number) {
    const char* end = text_.data() + text_.size();
    const auto [at, code] = std::from_chars(text_.data(), end, *number, 16);
    if (code != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(at - text_.data()));
    if (text_.starts_with(' ')) text_.remove_prefix(1);
    return true;
  }
  // What has not been read.
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
};

// Blocks of one size and stack. An address is used again when its block has ended.
struct Entry {
  uint64_t size = 0;
  uint64_t stack = 0;
  std::vector<uint64_t> live = {};
  std::vector<uint64_t> free = {};
};

class Importer {
 public:
  Importer(PackedLines* lines, DumpMaker* dump) : lines_(lines), dump_(dump) {}

  // Empty, or why the file cannot be used.
  std::string Read() {
    std::string_view line;
    while (lines_->Next(&line)) {
      if (line.empty() || line.front() == '#') continue;
      if (!problem_.empty()) return problem_;
      if (version_.empty() && line.front() != 'v') return "does not begin as a file of heaptrack";
      if (!ReadLine(line.front(), line.size() > 2 ? line.substr(2) : "")) NotUnderstood(line);
    }
    if (!problem_.empty()) return problem_;
    if (version_.empty()) return lines_->problem().empty() ? "is empty" : lines_->problem();
    Flush(now_ms_);
    if (!lines_->problem().empty())
      damage_.push_back(
          absl::StrCat(lines_->problem(), ": what follows line ", lines_->number(), " is missing"));
    if (not_understood_ > 0)
      damage_.push_back(absl::StrCat(not_understood_, " lines are not understood, the first is ",
                                     first_not_understood_));
    if (suppressions_ > 0)
      damage_.push_back(
          absl::StrCat("the ", suppressions_, " suppressions of leaks in it are not applied"));
    SetHeader();
    return "";
  }

  uint64_t end_ns() const { return std::max(now_ms_ * kNsPerMs, last_ns_); }
  FrameNames TakeNames() { return std::move(names_); }
  std::vector<std::string> TakeDamage() { return std::move(damage_); }
  std::string recorder() const { return "heaptrack " + version_; }

 private:
  // Between two times so many are kept at most.
  static constexpr size_t kMostPending = size_t{1} << 20;

  bool ReadLine(char letter, std::string_view text) {
    switch (letter) {
      case '+':
      case '-':
        return OnEvent(letter == '-', text);
      case 'a':
        return OnEntry(text);
      case 't':
        return OnTrace(text);
      case 'i':
        return OnPlace(text);
      case 's':
        return OnString(text);
      case 'c':
        return OnTime(text);
      case 'v':
        return OnVersion(text);
      case 'X':
        command_ = text;
        return true;
      case 'S':
        ++suppressions_;
        return true;
      case 'R':
        return OnResident(text);
      case 'I':
        return OnMachine(text);
      case 'A':  // recorded from here on
        return true;
      case 'x':
      case 'm':
        problem_ =
            "is a raw recording of heaptrack: make it one that can be read with  heaptrack "
            "--interpret FILE";
        return true;
      default:
        return false;
    }
  }

  void NotUnderstood(std::string_view line) {
    constexpr size_t kMostShown = 60;
    if (not_understood_++ == 0)
      first_not_understood_ =
          absl::StrCat("line ", lines_->number(), ": ", std::string(line.substr(0, kMostShown)));
  }

  bool OnVersion(std::string_view text) {
    Fields fields(text);
    uint64_t version = 0, file_version = 0;
    if (!fields.Next(&version)) return false;
    version_ = absl::StrCat(version >> 16, ".", version >> 8 & 0xff, ".", version & 0xff);
    fields.Next(&file_version);
    if (file_version != kFileVersion)
      problem_ = absl::StrCat("heaptrack's file format ", file_version, " (heaptrack ", version_,
                              "), expected ", kFileVersion, " (heaptrack 1.3 and later)");
    return true;
  }

  bool OnString(std::string_view text) {
    Fields fields(text);
    uint64_t size = 0;
    const bool is_sound = fields.Next(&size) && size == fields.rest().size();
    // Others are known by their number: a bad one has one, too.
    strings_.emplace_back(fields.rest().substr(0, size));
    return is_sound;
  }

  const std::string& String(uint64_t index) const {
    return strings_[index < strings_.size() ? index : 0];
  }

  // ip module [function [file line (function file line)*]], the innermost function first
  bool OnPlace(std::string_view text) {
    Fields fields(text);
    uint64_t ip = 0, module = 0, function = 0, file = 0, line = 0;
    if (!fields.Next(&ip) || !fields.Next(&module)) {
      pcs_.push_back(0);
      return false;
    }
    std::vector<SourceFrame> frames;
    bool is_sound = module < strings_.size();
    while (fields.Next(&function)) {
      SourceFrame& frame = frames.emplace_back();
      frame.function = String(function);
      frame.module = String(module);
      is_sound = is_sound && function < strings_.size();
      if (!fields.Next(&file) || !fields.Next(&line)) break;
      frame.file = String(file);
      frame.line = static_cast<int>(std::min<uint64_t>(line, INT32_MAX));
      is_sound = is_sound && file < strings_.size();
    }
    if (frames.empty()) frames.emplace_back().module = String(module);
    for (SourceFrame& frame : frames) {
      if (frame.function.empty()) frame.function = absl::StrCat("0x", absl::Hex(ip));
      frame.inlined = &frame != &frames.back();
    }
    pcs_.push_back(Named(ip + 1, std::move(frames)));
    return is_sound;
  }

  // A return address with these names: its own, or, where that has others, one where no program has code.
  uint64_t Named(uint64_t pc, std::vector<SourceFrame> frames) {
    constexpr uint64_t kFirstMade = uint64_t{0x7000} << 48;
    const auto [found, is_new] = names_.try_emplace(pc, frames);
    if (is_new || found->second == frames) return pc;
    return Named(kFirstMade + pcs_.size(), std::move(frames));
  }

  bool OnTrace(std::string_view text) {
    Fields fields(text);
    uint64_t place = 0, parent = 0;
    const bool is_sound =
        fields.Next(&place) && fields.Next(&parent) && place < pcs_.size() && parent <= traces_;
    ++traces_;
    dump_->PutStack(traces_, is_sound ? parent : 0, is_sound ? pcs_[place] : 0);
    return is_sound;
  }

  bool OnEntry(std::string_view text) {
    Fields fields(text);
    uint64_t size = 0, trace = 0;
    const bool is_sound = fields.Next(&size) && fields.Next(&trace) && trace <= traces_;
    if (!is_sound) size = trace = 0;
    // A size and stack may be there twice, and a block begin by one of them and end by the other.
    const auto [found, is_new] = entry_at_.try_emplace({size, trace}, entries_.size());
    if (is_new) entries_.push_back({.size = size, .stack = trace});
    entry_of_.push_back(found->second);
    return is_sound;
  }

  bool OnTime(std::string_view text) {
    Fields fields(text);
    uint64_t ms = 0;
    if (!fields.Next(&ms) || ms < now_ms_ || ms > kMostMs) return false;
    Flush(ms);
    now_ms_ = ms;
    return true;
  }

  // The size of a page, and how many of them the machine has.
  bool OnMachine(std::string_view text) {
    Fields fields(text);
    uint64_t bytes = 0;
    if (!fields.Next(&bytes) || bytes == 0 || bytes > kMostPageBytes) return false;
    page_bytes_ = bytes;
    return true;
  }

  // Pages that are resident now.
  bool OnResident(std::string_view text) {
    Fields fields(text);
    uint64_t pages = 0;
    if (!fields.Next(&pages) || pages > UINT64_MAX / page_bytes_) return false;
    peak_resident_ = std::max(peak_resident_, pages * page_bytes_);
    dump_->Put(PeakResidentRecord{.time = end_ns(), .bytes = peak_resident_, .flags = 0});
    return true;
  }

  bool OnEvent(bool is_free, std::string_view text) {
    Fields fields(text);
    uint64_t index = 0;
    if (!fields.Next(&index)) return false;
    // Of a raw recording: size, trace, address.
    if (!is_free && !fields.rest().empty()) {
      problem_ =
          "is a raw recording of heaptrack: make it one that can be read with  heaptrack "
          "--interpret FILE";
      return true;
    }
    if (index >= entry_of_.size()) return false;
    pending_.push_back(index << 1 | (is_free ? 1 : 0));
    if (pending_.size() == kMostPending) Flush(now_ms_);
    return true;
  }

  // What happened up to then.
  void Flush(uint64_t end_ms) {
    const uint64_t begin_ns = std::max(now_ms_ * kNsPerMs, last_ns_);
    const uint64_t end_ns = std::max(end_ms * kNsPerMs, begin_ns);
    const uint64_t parts = pending_.size() + 1;
    const uint64_t part = (end_ns - begin_ns) / parts;
    for (size_t i = 0; i < pending_.size(); ++i)
      Put(pending_[i] >> 1, (pending_[i] & 1) != 0, begin_ns + part * (i + 1));
    pending_.clear();
  }

  void Put(uint64_t index, bool is_free, uint64_t time_ns) {
    Entry& entry = entries_[entry_of_[index]];
    last_ns_ = time_ns;
    if (!is_free) {
      entry.live.push_back(AddressFor(&entry));
      dump_->Put(
          AllocRecord{HeapApi::kMalloc, time_ns, entry.live.back(), entry.size, entry.stack});
      last_allocated_ = index;
      return;
    }
    // heaptrack's rule: the line before is its allocation.
    const bool is_temporary = last_allocated_ == index;
    last_allocated_ = kNone;
    const bool is_known = !entry.live.empty();
    const uint64_t address = is_known ? entry.live.back() : NewAddress(entry.size);
    dump_->Put(FreeRecord{HeapApi::kFree, is_temporary ? kFreeTemporary : 0, time_ns, address, 0});
    if (!is_known) return;
    entry.live.pop_back();
    entry.free.push_back(address);
  }

  uint64_t AddressFor(Entry* entry) {
    if (entry->free.empty()) return NewAddress(entry->size);
    const uint64_t address = entry->free.back();
    entry->free.pop_back();
    return address;
  }

  uint64_t NewAddress(uint64_t size) {
    constexpr uint64_t kAlignment = 64, kMostApart = uint64_t{1} << 30;
    const uint64_t address = next_address_;
    next_address_ += (std::min(size, kMostApart) / kAlignment + 1) * kAlignment;
    return address;
  }

  template <size_t N>
  static void SetText(const std::string& text, char (&field)[N]) {
    memcpy(field, text.data(), std::min(text.size(), N - 1));
  }

  void SetHeader() {
    SetText(command_, dump_->header().command_line);
    SetText(command_.substr(0, command_.find(' ')), dump_->header().executable);
  }

  static constexpr uint64_t kNone = UINT64_MAX;
  static constexpr uint64_t kMostPageBytes = uint64_t{1} << 30;
  static constexpr uint64_t kMostMs = UINT64_MAX / 4 / kNsPerMs;

  PackedLines* lines_;
  DumpMaker* dump_;
  std::string version_;
  uint64_t page_bytes_ = 4096;
  uint64_t peak_resident_ = 0;
  std::string command_;
  std::string problem_;
  std::vector<std::string> damage_;
  uint64_t not_understood_ = 0;
  std::string first_not_understood_;
  uint64_t suppressions_ = 0;
  std::vector<std::string> strings_ = {""};
  std::vector<uint64_t> pcs_ = {0};  // of places
  FrameNames names_;
  uint64_t traces_ = 0;
  std::vector<Entry> entries_;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, size_t> entry_at_;  // by size and stack
  std::vector<size_t> entry_of_;                                         // by index in the file
  std::vector<uint64_t> pending_;  // index and, in the lowest bit, is it a free?
  uint64_t now_ms_ = 0;
  uint64_t last_ns_ = 0;
  uint64_t last_allocated_ = kNone;
  uint64_t next_address_ = uint64_t{1} << 32;
};

}  // namespace

bool LooksLikeHeaptrack(const std::string& path) {
  const RegularFile opened = OpenRegularFile(path);
  const Descriptor file(opened.fd);
  if (opened.fd < 0) return false;
  PackedLines lines(file.get());
  std::string_view line;
  uint64_t version = 0;
  return lines.Next(&line) && line.starts_with("v ") && Fields(line.substr(2)).Next(&version);
}

std::optional<ImportedDump> ImportHeaptrack(const std::string& path, std::string* error) {
  const auto fail = [&](std::string_view problem) {
    *error = absl::StrCat(path, ": ", std::string(problem));
    return std::nullopt;
  };
  const RegularFile opened = OpenRegularFile(path);
  const Descriptor file(opened.fd);
  if (opened.fd < 0) return fail(opened.problem);
  const Descriptor made(open(TemporaryDirectory().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (made.get() < 0)
    return fail(absl::StrCat("no temporary file in ", TemporaryDirectory(), ": ", strerror(errno)));
  PackedLines lines(file.get());
  DumpMaker dump(made.get());
  Importer importer(&lines, &dump);
  std::string problem = importer.Read();
  if (problem.empty()) problem = dump.Finish(importer.end_ns());
  if (!problem.empty()) return fail(problem);
  std::optional<DumpFile> dump_file =
      DumpFile::Open(absl::StrCat("/proc/self/fd/", made.get()), error);
  if (!dump_file) return std::nullopt;
  return ImportedDump{*std::move(dump_file), importer.TakeNames(), importer.recorder(),
                      importer.TakeDamage()};
}

}  // namespace perfagent
