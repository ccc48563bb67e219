#include "server/models/executor.h"

#include <utility>

#include "core/check.h"
#include "core/thread_name.h"

namespace descent::models {

Executor::Executor(const char* name, int threads) {
  DESCENT_CHECK(threads >= 1);
  threads_.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      NameThisThread(name);
      Work();
    });
  }
}

Executor::~Executor() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    posted_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Executor::Post(Task task) {
  const absl::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  posted_.Signal();
}

bool Executor::HasWaiting() const {
  const absl::MutexLock lock(&mutex_);
  return !tasks_.empty();
}

void Executor::Work() {
  for (;;) {
    Task task;
    {
      const absl::MutexLock lock(&mutex_);
      while (tasks_.empty() && !stopping_) posted_.Wait(&mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    std::move(task)();
  }
}

}  // namespace descent::models
