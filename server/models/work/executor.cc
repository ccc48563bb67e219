#include "server/models/work/executor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/time.h"
#include "core/check.h"
#include "core/thread_name.h"

namespace descent::models {
namespace {

// A task is much shorter than another when it costs at most so small a part of it.
constexpr MultiplyAdds kMuchShorter = 1.0 / 8;
// What is as short as this takes less than a millisecond: it goes first always. Longer work may
// take no more of a long task's time than the long task itself has had.
constexpr MultiplyAdds kShort = 1 << 24;
// Tasks within tasks of a thread: each takes its part of the stack.
constexpr int kMostNested = 3;

// All threads are held up when a task waits and none was taken for so long.
constexpr absl::Duration kHeldUp = absl::Milliseconds(2);

using Clock = std::chrono::steady_clock;

// What a thread runs.
struct Running {
  const Executor* executor = nullptr;
  MultiplyAdds cost = 0;
  int nested = 0;
  Clock::time_point start;
  Clock::duration given_away{};
};

thread_local Running running;

}  // namespace

void RunTask(Task task) noexcept { std::move(task)(); }

Executor::Executor(const char* name, int threads, bool relief) {
  DESCENT_CHECK(threads >= 1);
  threads_.reserve(static_cast<std::size_t>(threads) + 1);
  if (relief) {
    threads_.emplace_back([this, name] {
      NameThisThread(name);
      WorkIfHeldUp();
    });
  }
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
    busy_.SignalAll();
    stopped_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Executor::Post(Task task, const Claim& claim) {
  const absl::MutexLock lock(&mutex_);
  tasks_.Push(std::move(task), claim);
  waiting_.store(tasks_.size(), std::memory_order_relaxed);
  if (idle_ > 0) {
    posted_.Signal();
  } else {
    WatchForHoldUps();
  }
}

void Executor::WatchForHoldUps() {
  if (std::exchange(watching_, true)) return;
  busy_.Signal();
}

void Executor::Work() {
  for (;;) {
    FairQueue::Entry entry;
    {
      const absl::MutexLock lock(&mutex_);
      ++idle_;
      while (tasks_.empty() && !stopping_) posted_.Wait(&mutex_);
      --idle_;
      if (tasks_.empty()) return;
      entry = tasks_.Pop();
      ++taken_;
      waiting_.store(tasks_.size(), std::memory_order_relaxed);
      if (!tasks_.empty() && idle_ == 0) WatchForHoldUps();
    }
    Run(std::move(entry));
  }
}

void Executor::WorkIfHeldUp() {
  mutex_.Lock();
  while (!stopping_) {
    if (tasks_.empty() || idle_ > 0) {
      watching_ = false;
      while (!watching_ && !stopping_) busy_.Wait(&mutex_);
      continue;
    }
    const std::uint64_t taken = taken_;
    const absl::Time held_up = SteadyNow() + kHeldUp;
    while (!stopping_ && !stopped_.WaitUntil(&mutex_, held_up)) {
    }
    if (stopping_ || taken_ != taken) continue;
    std::optional<FairQueue::Entry> entry = tasks_.PopCheaper(kShort);
    if (!entry.has_value()) continue;
    waiting_.store(tasks_.size(), std::memory_order_relaxed);
    mutex_.Unlock();
    Run(*std::move(entry));
    mutex_.Lock();
  }
  mutex_.Unlock();
}

void Executor::Run(FairQueue::Entry entry) {
  const Running before =
      std::exchange(running, {.executor = this,
                              .cost = entry.cost,
                              .nested = running.executor == nullptr ? 0 : running.nested + 1,
                              .start = Clock::now()});
  RunTask(std::move(entry.task));
  running = before;
}

void Executor::GiveWay() {
  if (!HasWaiting() || running.executor != this || running.nested >= kMostNested) return;
  MultiplyAdds cost = running.cost * kMuchShorter;
  const Clock::time_point start = Clock::now();
  if (2 * running.given_away > start - running.start) cost = std::min(cost, kShort);
  std::optional<FairQueue::Entry> entry = TakeCheaper(cost);
  if (!entry.has_value()) return;
  Run(*std::move(entry));
  running.given_away += Clock::now() - start;
}

std::optional<FairQueue::Entry> Executor::TakeCheaper(MultiplyAdds cost) {
  const absl::MutexLock lock(&mutex_);
  std::optional<FairQueue::Entry> entry = tasks_.PopCheaper(cost);
  waiting_.store(tasks_.size(), std::memory_order_relaxed);
  return entry;
}

}  // namespace descent::models
