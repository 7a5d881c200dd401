#include "analyzer/symbols/symbol_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace perfagent {
namespace {

// Of a message. An answer is at most a few hundred frames, with names as long as demangling allows.
constexpr uint32_t kMaxMessageBytes = uint32_t{1} << 24;
constexpr uint64_t kLeastMemoryBytes = uint64_t{1} << 30;
constexpr int kOutOfMemory = EXIT_FAILURE;  // status of the child: libdw exits so, too
constexpr int kFailed = 2;
// A child that neither computes nor answers waits for a file system that does not answer.
constexpr int kAnswerMs = 600'000;
constexpr int kAnyTime = -1;

// Fields one after the other: integers as they are, texts with their length before them.
class Writer {
 public:
  template <typename Integer>
  void Put(Integer value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void Put(const std::string& text) {
    Put(static_cast<uint32_t>(text.size()));
    bytes_ += text;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Every read is bounded; after one that was not possible, ok() is false and values are empty.
class Reader {
 public:
  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}

  template <typename Integer>
  Integer Get() {
    Integer value{};
    ok_ = ok_ && sizeof value <= bytes_.size() - at_;
    if (!ok_) return value;
    memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string GetText() {
    const uint32_t size = Get<uint32_t>();
    ok_ = ok_ && size <= bytes_.size() - at_;
    if (!ok_) return "";
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  bool ok() const { return ok_; }

 private:
  std::string bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

std::string Encode(const SymbolQuestion& question) {
  Writer writer;
  writer.Put(question.about);
  writer.Put(question.address);
  writer.Put(question.path);
  writer.Put(question.build_id);
  return writer.bytes();
}

SymbolQuestion DecodeQuestion(std::string bytes) {
  Reader reader(std::move(bytes));
  SymbolQuestion question;
  question.about = reader.Get<SymbolQuestion::About>();
  question.address = reader.Get<uint64_t>();
  question.path = reader.GetText();
  question.build_id = reader.GetText();
  return question;
}

// Without the module's path, which the asker knows.
std::string Encode(const SymbolAnswer& answer) {
  Writer writer;
  writer.Put(answer.problem);
  writer.Put(answer.name);
  writer.Put(static_cast<uint32_t>(answer.frames.size()));
  for (const SourceFrame& frame : answer.frames) {
    writer.Put(frame.function);
    writer.Put(frame.file);
    writer.Put(frame.line);
    writer.Put(frame.inlined);
  }
  return writer.bytes();
}

std::optional<SymbolAnswer> DecodeAnswer(std::string bytes, const std::string& module) {
  Reader reader(std::move(bytes));
  SymbolAnswer answer;
  answer.problem = reader.GetText();
  answer.name = reader.GetText();
  const uint32_t count = reader.Get<uint32_t>();
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    SourceFrame frame;
    frame.function = reader.GetText();
    frame.file = reader.GetText();
    frame.line = reader.Get<int>();
    frame.inlined = reader.Get<uint8_t>() != 0;
    frame.module = module;
    answer.frames.push_back(std::move(frame));
  }
  return reader.ok() ? std::optional(std::move(answer)) : std::nullopt;
}

bool WriteAll(int socket, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t done = send(socket, bytes, size, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

bool ReadAll(int socket, int timeout_ms, char* bytes, size_t size) {
  while (size > 0) {
    pollfd wait{socket, POLLIN, 0};
    const int ready = poll(&wait, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t done = recv(socket, bytes, size, 0);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

bool Send(int socket, const std::string& message) {
  const uint32_t size = static_cast<uint32_t>(message.size());
  return message.size() <= kMaxMessageBytes &&
         WriteAll(socket, reinterpret_cast<const char*>(&size), sizeof size) &&
         WriteAll(socket, message.data(), size);
}

std::optional<std::string> Receive(int socket, int timeout_ms) {
  uint32_t size = 0;
  if (!ReadAll(socket, timeout_ms, reinterpret_cast<char*>(&size), sizeof size)) {
    return std::nullopt;
  }
  if (size > kMaxMessageBytes) return std::nullopt;
  std::string message(size, '\0');
  if (!ReadAll(socket, timeout_ms, message.data(), size)) return std::nullopt;
  return message;
}

void SetLimit(__rlimit_resource resource, uint64_t value) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return;
  limit.rlim_cur = std::min<uint64_t>(value, limit.rlim_max);
  setrlimit(resource, &limit);
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kHasShadowMemory = true;
#elif defined(__has_feature)
constexpr bool kHasShadowMemory = __has_feature(address_sanitizer);
#else
constexpr bool kHasShadowMemory = false;
#endif

uint64_t MappedBytes() {
  unsigned long pages = 0;
  FILE* statm = fopen("/proc/self/statm", "re");
  if (statm == nullptr) return 0;
  if (fscanf(statm, "%lu", &pages) != 1) pages = 0;
  fclose(statm);
  return uint64_t{pages} * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// Beside what was mapped by the fork.
void LimitMemory(uint64_t bytes) {
  if (kHasShadowMemory) return;  // of the sanitizer: terabytes of addresses
  if (bytes == 0) {
    bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
            static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 2;
    bytes = std::max(bytes, kLeastMemoryBytes);
  }
  SetLimit(RLIMIT_AS, MappedBytes() + bytes);
}

// From now on; the limit is of the process's whole life.
void LimitTime(unsigned seconds) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  SetLimit(RLIMIT_CPU,
           static_cast<uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + seconds + 1);
}

// What the child must not hold for others: a pipe that its parent has left, the terminal.
void LeaveStandardStreams() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  if (!kHasShadowMemory) dup2(null, STDERR_FILENO);  // libdw's last words; a sanitizer's are wanted
  close(null);
}

// Should the machine run out of memory all the same, the kernel is to end the child.
void OfferToTheKernel() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, "1000", 4) < 0) errno = 0;  // nothing depends on it
  close(file);
}

std::string HowItEnded(int status, unsigned cpu_seconds) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kOutOfMemory) return "needs too much memory";
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return "takes more than " + std::to_string(cpu_seconds) + " s";
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
    return "crashes (signal " + std::to_string(WTERMSIG(status)) + ")";
  }
  return "does not end well";
}

}  // namespace

SymbolProcess::SymbolProcess(SearchPaths paths, SymbolLimits limits)
    : paths_(std::move(paths)), limits_(limits) {}

SymbolProcess::~SymbolProcess() { Stop(); }

std::optional<SymbolAnswer> SymbolProcess::Ask(const SymbolQuestion& question,
                                               std::string* failure) {
  TakeAhead();
  if (const auto failed = failed_.find({question.path, question.build_id});
      failed != failed_.end()) {
    *failure = failed->second;
    return std::nullopt;
  }
  if (child_ < 0 && !Fork(failure)) return std::nullopt;
  std::optional<SymbolAnswer> answer;
  if (Send(socket_, Encode(question))) {
    if (std::optional<std::string> message = Receive(socket_, kAnswerMs)) {
      answer = DecodeAnswer(*std::move(message), question.path);
    }
  }
  if (!answer) *failure = Stop();
  return answer;
}

// Questions and answers that nobody takes must fit into the socket, or both sides would wait for each other.
void SymbolProcess::AskAhead(const SymbolQuestion& question) {
  constexpr size_t kMostAhead = 8;
  constexpr size_t kLongest = 4096;
  const std::string message = Encode(question);
  if (child_ < 0 || ahead_.size() == kMostAhead || message.size() > kLongest) return;
  if (Send(socket_, message)) ahead_.emplace_back(question.path, question.build_id);
}

void SymbolProcess::TakeAhead() {
  for (; !ahead_.empty(); ahead_.pop_front()) {
    if (Receive(socket_, kAnswerMs)) continue;
    failed_[ahead_.front()] = Stop();
    ahead_.clear();  // the others are read when they are asked about
    return;
  }
}

void SymbolProcess::Start() {
  std::string failure;
  if (child_ < 0) Fork(&failure);
}

bool SymbolProcess::Fork(std::string* failure) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    *failure = std::string("needs a socket: ") + strerror(errno);
    return false;
  }
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(kFailed);  // died before the line above
    close(ends[0]);
    Serve(ends[1]);
  }
  close(ends[1]);
  socket_ = ends[0];
  if (child_ > 0) return true;
  *failure = std::string("needs a process: ") + strerror(errno);
  Stop();
  return false;
}

void SymbolProcess::Serve(int socket) const {
  LeaveStandardStreams();
  OfferToTheKernel();
  signal(SIGXCPU, SIG_DFL);
  SetLimit(RLIMIT_CORE, 0);
  LimitMemory(limits_.memory_bytes);
  try {
    SymbolFiles files(paths_);
    while (std::optional<std::string> message = Receive(socket, kAnyTime)) {
      LimitTime(limits_.cpu_seconds);
      if (!Send(socket, Encode(files.Answer(DecodeQuestion(*std::move(message)))))) break;
    }
  } catch (const std::bad_alloc&) {
    _exit(kOutOfMemory);
  } catch (...) {
    _exit(kFailed);
  }
  _exit(0);
}

std::string SymbolProcess::Stop() {
  if (socket_ >= 0) close(std::exchange(socket_, -1));
  if (child_ < 0) return "";
  // One that has failed has ended, or waits to be: an end of its own is told apart from this one.
  int status = 0;
  const pid_t child = std::exchange(child_, -1);
  if (waitpid(child, &status, WNOHANG) != child) {
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  return HowItEnded(status, limits_.cpu_seconds);
}

}  // namespace perfagent
