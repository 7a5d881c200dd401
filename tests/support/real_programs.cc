#include "tests/support/real_programs.h"

#include <stdexcept>

namespace perfagent::test {
namespace {

constexpr char kSource[] = R"(
template <int N> struct Tree { Tree<N - 1> left, right; int Sum() const { return left.Sum() + right.Sum() + N; } };
template <> struct Tree<0> { int value; int Sum() const { return value; } };
template <typename... T> struct List {};
template <typename A, typename... T> int Count(List<A, T...>) { return 1 + Count(List<T...>()); }
int Count(List<>) { return 0; }
int Run(const Tree<9>& tree, int n) {
  int sum = Count(List<int, long, char, int*, long*, char*, int&, long&, char&>());
  for (int i = 0; i < n; ++i) {
    switch (i % 5) {
      case 0: sum += tree.Sum(); break;
      case 1: sum -= tree.left.Sum(); break;
      case 2: sum ^= [i](int k) { return k * i; }(sum); break;
      default: sum += i; break;
    }
  }
  return sum;
}
)";

constexpr char kScript[] = R"(
table = {}
for i in range(1000):
    table.setdefault(i % 97, []).append(str(i) * 3)
text = ','.join(sorted(word for words in table.values() for word in words))
class Node:
    def __init__(self, depth):
        self.children = [Node(depth - 1) for _ in range(2)] if depth else []
    def count(self):
        return 1 + sum(child.count() for child in self.children)
print(len(text), Node(6).count())
)";

// As git fast-import reads it.
std::string History(int commits) {
  std::string stream;
  for (int i = 1; i <= commits; ++i) {
    const std::string number = std::to_string(i);
    const std::string message = "change number " + number + "\n";
    std::string content;
    for (int line = 0; line < 20; ++line) content += std::to_string(line * i) + "\n";
    stream += "commit refs/heads/main\nmark :" + number + "\ncommitter A <a@example.org> " +
              std::to_string(1700000000 + i) + " +0000\ndata " + std::to_string(message.size()) +
              "\n" + message;
    if (i > 1) stream += "from :" + std::to_string(i - 1) + "\n";
    stream += "M 644 inline file" + std::to_string(i % 7) + "\ndata " +
              std::to_string(content.size()) + "\n" + content + "\n";
  }
  return stream;
}

// Programs believe PWD where it is right, and ask where it is not.
ProcessOptions In(const std::filesystem::path& dir) {
  ProcessOptions options;
  options.cwd = dir;
  options.env["PWD"] = dir;
  return options;
}

void RunOrThrow(const std::vector<std::string>& argv, const ProcessOptions& options) {
  const ProcessResult result = RunProcess(argv, options);
  if (!result.Succeeded()) throw std::runtime_error(argv.at(0) + ": " + result.Describe());
}

}  // namespace

RealProgram Sqlite3(size_t rows) {
  ProcessOptions options;
  options.env["HOME"] = "/nonexistent";
  const std::string text = std::to_string(rows);
  options.stdin_text = R"(
CREATE TABLE t(a INTEGER, b TEXT);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < )" +
                       text + R"()
  INSERT INTO t SELECT (i * 7919) % 100003, 'row ' || i FROM c;
SELECT count(*), sum(a) FROM (SELECT a, b FROM t ORDER BY b DESC, a);
SELECT a, b FROM t ORDER BY a LIMIT 100;
SELECT group_concat(b) FROM t WHERE a < 300;
)";
  return {"sqlite3", "sqlite3", {"sqlite3", ":memory:"}, options};
}

RealProgram Cc1plus(const std::filesystem::path& dir, const std::string& optimization) {
  WriteFile(dir / "tree.cc", kSource);
  std::string compiler = RunProcess({"gcc", "-print-prog-name=cc1plus"}).out;
  while (!compiler.empty() && compiler.back() == '\n') compiler.pop_back();
  return {
      "cc1plus", "g++", {compiler, "-quiet", optimization, "tree.cc", "-o", "/dev/null"}, In(dir)};
}

RealProgram Python3(const std::filesystem::path& dir) {
  WriteFile(dir / "script.py", kScript);
  ProcessOptions options = In(dir);
  options.env["PYTHONMALLOC"] = "malloc";
  options.env["PYTHONHASHSEED"] = "0";
  return {"python3", "python3", {"/usr/bin/python3", "-S", "script.py"}, options};
}

RealProgram GitLog(const std::filesystem::path& dir) {
  ProcessOptions options = In(dir);
  options.env["HOME"] = "/nonexistent";
  options.env["GIT_CONFIG_NOSYSTEM"] = "1";
  RealProgram program = {"git", "git", {"git", "log", "--stat"}, options};
  if (program.path().empty()) return program;
  RunOrThrow({"git", "init", "-q", "-b", "main"}, options);
  options.stdin_text = History(40);
  RunOrThrow({"git", "fast-import", "--quiet"}, options);
  return program;
}

}  // namespace perfagent::test
