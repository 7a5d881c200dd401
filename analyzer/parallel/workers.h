// workers.h: a few threads that do the parts of one piece of work side by side.
//
// Results must not depend on how many there are: parts share nothing that they write.
//
// Threads: Run is called by the one that made the Workers, and never inside a task.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace perfagent {

class Workers {
 public:
  using Task = absl::FunctionRef<void(size_t)>;

  // The caller is one of them: Workers(1) starts no thread. There may be fewer, where the system has no more to give.
  explicit Workers(size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  size_t count() const { return threads_.size() + 1; }
  // Calls task(i) once for each i < tasks, lower ones begun first, and returns when all are done. What a task throws is
  // thrown here; tasks that have not begun by then are left out.
  void Run(size_t tasks, Task task);

  // As many as there are processors, within reason.
  static size_t DefaultCount();

 private:
  void Serve();
  // Takes tasks of this round until there are none left.
  void Work(std::unique_lock<std::mutex>* lock);

  std::mutex mutex_;
  std::condition_variable round_begun_;
  std::condition_variable round_ended_;
  // Of the current round; all below mutex_.
  const Task* task_ = nullptr;
  size_t tasks_ = 0;
  size_t next_ = 0;
  size_t running_ = 0;
  uint64_t round_ = 0;
  std::exception_ptr thrown_;
  bool stop_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace perfagent
