#include "analyzer/parallel/workers.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace perfagent {

// More share one memory bus.
constexpr size_t kMostByDefault = 8;

size_t Workers::DefaultCount() {
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostByDefault);
}

Workers::Workers(size_t threads) {
  try {
    for (size_t i = 1; i < threads; ++i) threads_.emplace_back([this] { Serve(); });
  } catch (const std::system_error&) {
    // A limit of threads or of memory: fewer do the same work.
  }
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  round_begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::Run(size_t tasks, Task task) {
  std::unique_lock lock(mutex_);
  task_ = &task;
  tasks_ = tasks;
  next_ = 0;
  ++round_;
  if (tasks > 1) round_begun_.notify_all();
  Work(&lock);
  round_ended_.wait(lock, [this] { return running_ == 0; });
  task_ = nullptr;
  tasks_ = 0;
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Workers::Serve() {
  std::unique_lock lock(mutex_);
  uint64_t last_round = 0;
  while (true) {
    round_begun_.wait(lock, [&] { return stop_ || round_ != last_round; });
    if (stop_) return;
    last_round = round_;
    Work(&lock);
  }
}

void Workers::Work(std::unique_lock<std::mutex>* lock) {
  while (next_ < tasks_) {
    const size_t i = next_++;
    ++running_;
    lock->unlock();
    std::exception_ptr thrown;
    try {
      (*task_)(i);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock->lock();
    --running_;
    if (thrown) {
      thrown_ = thrown;
      next_ = tasks_;
    }
  }
  if (running_ == 0) round_ended_.notify_one();
}

}  // namespace perfagent
