// Real programs behave under the agent as without it: output, exit status, what they leave behind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

class Guest : public testing::TestWithParam<std::string> {
 protected:
  std::map<std::string, std::string> Settings() const { return {{"MODE", GetParam()}}; }
};

INSTANTIATE_TEST_SUITE_P(Modes, Guest, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST_P(Guest, Sqlite3SortsTheSame) {
  REQUIRE_PROGRAM("sqlite3", "sqlite3");
  ProcessOptions options;
  options.stdin_text = R"(
CREATE TABLE t(a INTEGER, b TEXT);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 200000)
  INSERT INTO t SELECT (i * 7919) % 100003, 'row ' || i FROM c;
CREATE INDEX t_b ON t(b);
SELECT count(*), sum(a) FROM (SELECT a, b FROM t ORDER BY b DESC, a);
SELECT a, b FROM t ORDER BY a, b LIMIT 1000;
SELECT a % 10, count(*), group_concat(substr(b, 5, 1), '') FROM t WHERE a < 500 GROUP BY 1 ORDER BY 1;
SELECT no_such_column FROM t LIMIT 0;
)";
  // The last statement fails, so the exit status is not 0 without the agent either.
  options.timeout = std::chrono::seconds(120);
  const ProcessResult bare = RunProcess({"sqlite3", ":memory:"}, options);
  EXPECT_NE(bare.exit_code, 0);
  const Recording recording = Record({"sqlite3", ":memory:"}, Settings(), options);
  EXPECT_EQ(recording.process.exit_code, bare.exit_code) << recording.process.Describe();
  EXPECT_EQ(recording.process.out, bare.out);
  EXPECT_EQ(recording.process.err, bare.err);
  EXPECT_GT(Lines(bare.out).size(), 1000u);
  ExpectWhole(recording.dumps);
}

// A library's constructor makes this process's first allocation, inside newlocale, which holds a lock
// of libc that looking up a missing name, and asking dlerror about it, takes too.
TEST_P(Guest, GdbStartsWhoseFirstAllocationIsUnderALockOfLibc) {
  REQUIRE_PROGRAM("gdb", "gdb");
  const std::vector<std::string> argv = {"gdb", "-nx", "-batch", "-ex", "print 6 * 7"};
  ProcessOptions options;
  options.timeout = std::chrono::seconds(30);
  const ProcessResult bare = RunProcess(argv, options);
  const Recording recording = Record(argv, Settings(), options);
  EXPECT_EQ(recording.process.exit_code, bare.exit_code) << recording.process.Describe();
  EXPECT_EQ(recording.process.out, bare.out);
  EXPECT_EQ(recording.process.err, bare.err);
  EXPECT_EQ(Report(recording.dumps).at("loss").at("total"), 0);
  EXPECT_FALSE(recording.dumps.empty());
}

TEST_P(Guest, RedisServesTheSameAndNamesItsFunctions) {
  REQUIRE_PROGRAM("redis-server", "redis-server");
  REQUIRE_PROGRAM("redis-benchmark", "redis-tools");
  REQUIRE_PROGRAM("redis-cli", "redis-tools");
  std::string answers[2];
  for (const bool with_agent : {false, true}) {
    TempDir dir;
    const std::string socket = dir / "redis.sock";
    ProcessOptions options;
    options.cwd = dir.path();
    if (with_agent) options.env = AgentEnvironment(dir.path(), Settings());
    BackgroundProcess server({"redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                              "--appendonly", "no", "--dir", dir.path()},
                             options);
    const auto cli = [&](std::vector<std::string> command, std::string input = "") {
      command.insert(command.begin(), {"redis-cli", "-s", socket});
      ProcessOptions cli_options;
      cli_options.stdin_text = std::move(input);
      return RunProcess(command, cli_options);
    };
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    while (cli({"PING"}).out != "PONG\n" && std::chrono::steady_clock::now() < deadline) {
      usleep(20'000);
    }
    std::string commands;
    for (int i = 0; i < 500; ++i) {
      const std::string n = std::to_string(i);
      commands += "SET key" + n + " " + std::string(static_cast<size_t>(i), 'x') + "y\n";
      commands += "RPUSH list " + n + "\nHSET hash field" + n + " " + n + "\n";
    }
    commands += "LRANGE list 0 -1\nSTRLEN key499\nHGET hash field77\nSORT list DESC LIMIT 0 5\n";
    commands += "EVAL \"local t = {} for i = 1, 100 do t[i] = i * i end return t\" 0\n";
    commands += "DBSIZE\nNOSUCHCOMMAND\n";
    answers[with_agent ? 1 : 0] = cli({}, commands).out;
    const ProcessResult benchmark =
        RunProcess({"redis-benchmark", "-s", socket, "-n", "10000", "-c", "20", "-q", "-t",
                    "set,get,lpush,lrange_100"});
    EXPECT_TRUE(benchmark.Succeeded()) << benchmark.Describe();
    cli({"SHUTDOWN", "NOSAVE"});
    const ProcessResult result = server.Wait(std::chrono::seconds(30));
    EXPECT_EQ(result.exit_code, 0) << result.Describe();
    if (!with_agent) continue;
    const std::vector<fs::path> dumps = DumpsIn(dir.path());
    ExpectWhole(dumps);
    ASSERT_EQ(dumps.size(), 1u);
    const nlohmann::json report = Report(dumps.front());
    EXPECT_FALSE(SitesBelow(report, "aeMain").empty()) << "the event loop's name";
    if (GetParam() == "full") {
      EXPECT_FALSE(SitesBelow(report, "createClient").empty());
      EXPECT_GT(Sum(SitesBelow(report, "pushGenericCommand"), "allocations").value, 10'000);
    }
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_GT(Lines(answers[0]).size(), 1500u);
}

TEST_P(Guest, PythonComputesTheSame) {
  REQUIRE_PROGRAM("/usr/bin/python3", "python3");
  TempDir dir;
  WriteFile(dir / "work.py", R"py(
import collections, hashlib, json, re, sys, threading

rows = [{"id": i, "name": "name-%d" % (i * 7919 % 1009), "tags": [str(j) for j in range(i % 7)]}
        for i in range(3000)]
text = json.dumps(rows, sort_keys=True)
again = json.loads(text)
assert again == rows
words = collections.Counter(re.findall(r"name-(\d)\d*", text))
print(len(text), hashlib.sha256(text.encode()).hexdigest())
print(sorted(words.items()))
print(re.sub(r"(\w+)-(\d+)", r"\2-\1", text)[:500])

results = [None] * 4
def work(n):
    results[n] = sum(len(json.dumps(row)) for row in again[n::4])
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(results)
print("to stderr", file=sys.stderr)
sys.exit(0)
)py");
  ProcessOptions options;
  options.timeout = std::chrono::seconds(120);
  options.env = {
      {"PYTHONMALLOC", "malloc"}, {"PYTHONHASHSEED", "0"}, {"PYTHONDONTWRITEBYTECODE", "1"}};
  const Surroundings around = {.settings = Settings(), .options = options};
  ExpectWhole(RecordLikeBare({"/usr/bin/python3", "-I", dir / "work.py"}, around).dumps);
}

TEST_P(Guest, GitWritesTheSameRepository) {
  REQUIRE_PROGRAM("git", "git");
  std::string outputs[2];
  for (const bool with_agent : {false, true}) {
    TempDir dir;
    TempDir dumps;
    std::string& output = outputs[with_agent ? 1 : 0];
    const auto git = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), {"git", "-c", "core.pager=cat", "-c", "gc.auto=0"});
      ProcessOptions options;
      options.cwd = dir.path();
      if (with_agent) options.env = AgentEnvironment(dumps.path(), Settings());
      options.env["HOME"] = dir.path();
      options.env["GIT_CONFIG_NOSYSTEM"] = "1";
      for (const char* who : {"AUTHOR", "COMMITTER"}) {
        options.env[std::string("GIT_") + who + "_NAME"] = "A Tester";
        options.env[std::string("GIT_") + who + "_EMAIL"] = "tester@example.org";
        options.env[std::string("GIT_") + who + "_DATE"] = "2024-01-02T03:04:05Z";
      }
      const ProcessResult result = RunProcess(arguments, options);
      output +=
          arguments[5] + ": " + std::to_string(result.exit_code) + "\n" + result.out + result.err;
    };
    git({"init", "-q", "-b", "trunk", "."});
    for (int commit = 0; commit < 4; ++commit) {
      for (int file = 0; file < 5; ++file) {
        std::string text;
        for (int line = 0; line < 200; ++line) {
          text += std::to_string(line * (file + 1) + (line % 10 == 0 ? commit : 0)) + "\n";
        }
        WriteFile(dir / ("file" + std::to_string(file)), text);
      }
      git({"add", "."});
      git({"commit", "-q", "-m", "commit " + std::to_string(commit)});
    }
    git({"log", "--stat", "-p", "--format=fuller"});
    git({"diff", "--word-diff", "HEAD~3"});
    git({"gc", "-q"});
    git({"fsck", "--full", "--no-progress"});
    git({"rev-parse", "HEAD"});
    git({"show", "no-such-revision"});
    if (with_agent) {
      const std::vector<fs::path> found = DumpsIn(dumps.path());
      EXPECT_GE(found.size(), 14u) << "one for each command at least";
      ExpectWhole(found);
    }
  }
  EXPECT_EQ(outputs[0], outputs[1]);
  EXPECT_NE(outputs[0].find("fsck: 0\n"), std::string::npos) << outputs[0];
  EXPECT_NE(outputs[0].find("show: 128\n"), std::string::npos);
}

}  // namespace
}  // namespace perfagent::test
