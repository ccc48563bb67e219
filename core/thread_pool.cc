#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/check.h"
#include "core/thread_name.h"

namespace descent {

// Jobs are offered in a list; a worker joins the oldest one that has tasks left. Tasks are handed
// out by an atomic counter, so a fast thread takes more of them.
class ThreadPool::Workers {
 public:
  explicit Workers(int count) {
    threads_.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        NameThisThread("compute");
        Work();
      });
    }
  }

  ~Workers() {
    {
      const absl::MutexLock lock(&mutex_);
      stopping_ = true;
      offers_.fetch_add(1, std::memory_order_release);
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  void Run(std::int64_t tasks, absl::FunctionRef<void(std::int64_t)> body,
           absl::FunctionRef<void()> between_tasks) {
    Job job{.tasks = tasks, .body = body, .between_tasks = between_tasks};
    {
      const absl::MutexLock lock(&mutex_);
      jobs_.push_back(&job);
      offers_.fetch_add(1, std::memory_order_release);
      if (tasks > 2) {
        changed_.SignalAll();
      } else {
        changed_.Signal();
      }
    }
    std::exception_ptr exception = RunTasks(&job);
    {
      const absl::MutexLock lock(&mutex_);
      jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
    }
    // No worker can join any more; those inside finish the task they hold, which is most often a
    // matter of microseconds, while to sleep and be woken takes dozens.
    const auto left = [&job]() { return job.inside.load(std::memory_order_acquire) == 0; };
    for (int i = 0; i < kJoinSpins && !left(); ++i) Pause();
    // A worker may be waiting for this very core.
    for (int i = 0; i < kYields && !left(); ++i) std::this_thread::yield();
    if (!left()) {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&left));
    }
    if (exception == nullptr) exception = job.exception;
    if (exception != nullptr) std::rethrow_exception(exception);
  }

 private:
  struct Job {
    std::int64_t tasks;
    absl::FunctionRef<void(std::int64_t)> body;
    absl::FunctionRef<void()> between_tasks;
    std::atomic<std::int64_t> next{0};
    // Workers running its tasks; changed under the pool's mutex, read without it. The job may be
    // gone as soon as it is zero.
    std::atomic<int> inside{0};
    // The first that a worker's task threw; under the pool's mutex until nobody is inside.
    std::exception_ptr exception{};
  };

  // How often an idle worker looks for the next job before it sleeps: a step offers its products
  // microseconds apart, and waking a thread costs more than that.
  static constexpr int kSpins = 2000;
  // How often who waits for a job's last tasks looks, and then gives way, before it sleeps.
  static constexpr int kJoinSpins = 500;
  static constexpr int kYields = 200;

  // What a task threw, if one did: then none is begun any more.
  static std::exception_ptr RunTasks(Job* job) {
    try {
      for (;;) {
        job->between_tasks();
        const std::int64_t task = job->next.fetch_add(1, std::memory_order_relaxed);
        if (task >= job->tasks) return nullptr;
        job->body(task);
      }
    } catch (...) {
      job->next.store(job->tasks, std::memory_order_relaxed);
      return std::current_exception();
    }
  }

  Job* FindJob() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Job* job : jobs_) {
      if (job->next.load(std::memory_order_relaxed) < job->tasks) return job;
    }
    return nullptr;
  }

  void Work() {
    mutex_.Lock();
    while (!stopping_) {
      if (Job* job = FindJob(); job != nullptr) {
        job->inside.fetch_add(1, std::memory_order_relaxed);
        mutex_.Unlock();
        std::exception_ptr exception = RunTasks(job);
        mutex_.Lock();
        if (job->exception == nullptr) job->exception = std::move(exception);
        job->inside.fetch_sub(1, std::memory_order_release);
        continue;
      }
      const std::uint64_t seen = offers_.load(std::memory_order_relaxed);
      mutex_.Unlock();
      for (int i = 0; i < kSpins && offers_.load(std::memory_order_acquire) == seen; ++i) Pause();
      mutex_.Lock();
      while (!stopping_ && offers_.load(std::memory_order_relaxed) == seen) changed_.Wait(&mutex_);
    }
    mutex_.Unlock();
  }

  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::vector<Job*> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Counts offered jobs; written under the mutex, read by spinning workers without it.
  std::atomic<std::uint64_t> offers_{0};
  std::vector<std::thread> threads_;
};

ThreadPool::ThreadPool(int threads)
    : threads_(threads),
      between_tasks_([] {}),
      workers_(threads > 1 ? std::make_shared<Workers>(threads - 1) : nullptr) {
  DESCENT_CHECK(threads >= 1);
}

ThreadPool::ThreadPool(const ThreadPool& other, std::function<void()> between_tasks)
    : threads_(other.threads_),
      between_tasks_(std::move(between_tasks)),
      workers_(other.workers_) {}

ThreadPool::~ThreadPool() = default;

void ThreadPool::ParallelFor(std::int64_t tasks, absl::FunctionRef<void(std::int64_t)> body) {
  if (workers_ == nullptr || tasks <= 1) {
    for (std::int64_t i = 0; i < tasks; ++i) {
      between_tasks_();
      body(i);
    }
    return;
  }
  workers_->Run(tasks, body, between_tasks_);
}

}  // namespace descent
