#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

extern char** environ;

namespace perfagent::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// An unnamed file: no reader needed while the program writes, whatever it writes.
int MemoryFile(const char* name) {
  const int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) Fail("memfd_create");
  return fd;
}

std::string Contents(int fd) {
  std::string text;
  char buffer[1 << 16];
  off_t offset = 0;
  for (ssize_t n; (n = pread(fd, buffer, sizeof buffer, offset)) > 0; offset += n) {
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& additions) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (name == "LD_PRELOAD" || name.starts_with("PERFAGENT_") || additions.contains(name))
      continue;
    result.push_back(text);
  }
  for (const auto& [name, value] : additions) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

pid_t Start(std::vector<std::string> argv, const ProcessOptions& options, int in, int out,
            int err) {
  std::vector<std::string> env = Environment(options.env);
  const std::vector<char*> arguments = Pointers(argv);
  const std::vector<char*> environment = Pointers(env);
  const pid_t pid = fork();
  if (pid < 0) Fail("fork");
  if (pid > 0) {
    setpgid(pid, pid);
    return pid;
  }
  setpgid(0, 0);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (!options.cwd.empty() && chdir(options.cwd.c_str()) != 0) _exit(127);
  execvpe(arguments[0], arguments.data(), environment.data());
  const std::string message = argv[0] + ": " + std::strerror(errno) + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
  _exit(127);
}

// Waits until the deadline, then kills the group and waits on.
ProcessResult Reap(pid_t pid, std::chrono::milliseconds timeout) {
  ProcessResult result;
  result.pid = pid;
  const Clock::time_point deadline = Clock::now() + timeout;
  auto pause = std::chrono::microseconds(200);
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(pid, &status, result.timed_out ? 0 : WNOHANG);
    if (ended == pid) break;
    if (ended < 0 && errno != EINTR) Fail("waitpid");
    if (Clock::now() >= deadline) {
      result.timed_out = true;
      kill(-pid, SIGKILL);
      continue;
    }
    usleep(static_cast<useconds_t>(pause.count()));
    if (pause < std::chrono::milliseconds(5)) pause *= 2;
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace

std::string ProcessResult::Describe() const {
  std::ostringstream text;
  if (timed_out) {
    text << "timed out";
  } else if (signal != 0) {
    text << "ended by signal " << signal;
  } else {
    text << "exit code " << exit_code;
  }
  text << "\nstdout (end): " << out.substr(out.size() < 2000 ? 0 : out.size() - 2000)
       << "\nstderr (end): " << err.substr(err.size() < 2000 ? 0 : err.size() - 2000);
  return text.str();
}

BackgroundProcess::BackgroundProcess(const std::vector<std::string>& argv,
                                     const ProcessOptions& options)
    : out_(MemoryFile("stdout")), err_(MemoryFile("stderr")) {
  const int in = MemoryFile("stdin");
  if (write(in, options.stdin_text.data(), options.stdin_text.size()) !=
      static_cast<ssize_t>(options.stdin_text.size())) {
    Fail("stdin");
  }
  lseek(in, 0, SEEK_SET);
  pid_ = Start(argv, options, in, out_, err_);
  close(in);
}

BackgroundProcess::~BackgroundProcess() {
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(out_);
  close(err_);
}

void BackgroundProcess::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

ProcessResult BackgroundProcess::Wait(std::chrono::milliseconds timeout) {
  ProcessResult result = Reap(pid_, timeout);
  pid_ = -1;
  result.out = Contents(out_);
  result.err = Contents(err_);
  return result;
}

ProcessResult RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options) {
  return BackgroundProcess(argv, options).Wait(options.timeout);
}

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "perfagent-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) Fail("mkdtemp");
  path_ = name;
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path.string() + ": cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!(file << text).flush()) throw std::runtime_error(path.string() + ": cannot be written");
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = directory + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

bool InContinuousIntegration() {
  const char* value = std::getenv("CI");
  return value != nullptr && std::string(value) == "true";
}

}  // namespace perfagent::test
