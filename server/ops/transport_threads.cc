#include "server/ops/transport_threads.h"

#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpc/support/time.h>
#include <grpcpp/version_info.h>
#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/base/const_init.h"
#include "clock/steady.h"
#include "server/ops/busy_poll.h"

namespace descent::ops {
namespace {

// gRPC's threads that wait for the system's events themselves; later ones have others do that.
constexpr bool kThreadsWait = GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR < 60;

std::atomic<int> most_busy = 0;  // 0: all threads are left alone
std::atomic<int> processors = 0;

// Whether the calling thread is one of those that gRPC has for callbacks, by the name it gave it.
bool IsForCallbacks() {
  std::array<char, 16> name = {};
  return pthread_getname_np(pthread_self(), name.data(), name.size()) == 0 &&
         std::string_view(name.data()) == "nexting_thread";
}

absl::Duration ClockTime(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return absl::DurationFromTimespec(time);
}

// Of the calling thread.
absl::Duration ProcessorTime() { return ClockTime(CLOCK_THREAD_CPUTIME_ID); }

// Of the process's other threads.
absl::Duration OthersProcessorTime() {
  return ClockTime(CLOCK_PROCESS_CPUTIME_ID) - ProcessorTime();
}

// By queue, for as long as a thread takes its events.
std::shared_ptr<TransportThreads> ThreadsOf(const grpc_completion_queue* queue) {
  static absl::Mutex mutex(absl::kConstInit);
  static auto* const known =
      new std::map<const grpc_completion_queue*, std::weak_ptr<TransportThreads>>;
  const absl::MutexLock lock(&mutex);
  std::erase_if(*known, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<TransportThreads>& place = (*known)[queue];
  std::shared_ptr<TransportThreads> found = place.lock();
  if (found == nullptr) {
    found = std::make_shared<TransportThreads>(most_busy.load(std::memory_order_relaxed));
    place = found;
  }
  return found;
}

// What one thread does, from turn to turn: what it does between one wait for events and the next.
class Worker {
 public:
  ~Worker() { Leave(); }

  // False for a thread that is to be left alone.
  bool Join(const grpc_completion_queue* queue) {
    if (threads_ == nullptr && is_for_callbacks_) {
      threads_ = ThreadsOf(queue);
      threads_->Join();
    }
    return is_for_callbacks_;
  }

  void Leave() {
    if (threads_ == nullptr) return;
    threads_->Leave();
    threads_ = nullptr;
  }

  void End() {
    threads_->End();
    Leave();
  }

  // Between one event and the next.
  void Rest() {
    if constexpr (!kThreadsWait) return;
    if (threads_->working() > threads_->allowed() && threads_->Rest()) mode_ = Mode::kNew;
  }

  bool joined() const { return threads_ != nullptr; }

  void BeforeWait() {
    const absl::Time now = SteadyNow();
    const Mode mode = threads_->working() == 1 ? Mode::kAlone : Mode::kBeside;
    if (mode != std::exchange(mode_, mode)) {
      BeginWindow(now);
      is_suspicious_ = false;
      turn_processor_time_ = ProcessorTime();
    } else if (mode == Mode::kAlone) {
      EndTurnAlone(now);
    } else {
      EndTurnBeside(now);
    }
    wait_start_ = now;
    threads_->BeginWait();
  }

  // Asks for events before it waits, as BusyPoll does, where no other thread would serve them.
  int Poll(absl::FunctionRef<int()> ask) {
    return mode_ == Mode::kAlone ? poll_.Poll(ask, SteadyNow) : 0;
  }

  void AfterWait() {
    threads_->EndWait();
    turn_start_ = SteadyNow();
    waited_ += turn_start_ - wait_start_;
    poll_.NoteWait(turn_start_ - wait_start_);
    if (is_suspicious_) turn_processor_time_ = ProcessorTime();
  }

 private:
  enum class Mode : std::uint8_t { kNew, kAlone, kBeside };

  // One that is alone waits nowhere else, and the clock tells whether a turn was long: for others
  // of its processor's threads too. So the next one is measured by its processor time, which costs
  // twenty times as much to ask for.
  void EndTurnAlone(absl::Time now) {
    const bool seems_long = now - turn_start_ >= TransportThreads::kLongTurn;
    if (is_suspicious_ && seems_long) {
      threads_->NoteTurn(ProcessorTime() - turn_processor_time_, now);
    }
    is_suspicious_ = seems_long;
    Look(now, now - window_start_ - waited_);
  }

  // Of several, one may wait within gRPC until it is to wait for events.
  void EndTurnBeside(absl::Time now) {
    const absl::Duration processor_time = ProcessorTime();
    threads_->NoteTurn(processor_time - turn_processor_time_, now);
    turn_processor_time_ = processor_time;
    Look(now, processor_time - window_processor_time_);
  }

  void BeginWindow(absl::Time now) {
    window_start_ = now;
    waited_ = absl::ZeroDuration();
    if (mode_ == Mode::kBeside) window_processor_time_ = ProcessorTime();
    if (mode_ == Mode::kAlone) others_processor_time_ = OthersProcessorTime();
  }

  void Look(absl::Time now, absl::Duration worked) {
    const absl::Duration window = now - window_start_;
    if (window < TransportThreads::kWindow) return;
    threads_->NoteShare(absl::FDivDuration(worked, window), now);
    if (mode_ == Mode::kAlone) {
      const absl::Duration others = OthersProcessorTime() - others_processor_time_;
      poll_.NoteSpare(processors.load(std::memory_order_relaxed) -
                      absl::FDivDuration(others, window));
    }
    BeginWindow(now);
  }

  const bool is_for_callbacks_ = IsForCallbacks();
  std::shared_ptr<TransportThreads> threads_;  // null: not joined
  BusyPoll poll_;
  Mode mode_ = Mode::kNew;
  bool is_suspicious_ = false;  // its last turn seemed long
  absl::Time wait_start_;
  absl::Time turn_start_;
  absl::Duration turn_processor_time_;  // of the thread, when its turn began
  absl::Time window_start_;
  absl::Duration waited_;
  absl::Duration window_processor_time_;
  absl::Duration others_processor_time_;  // when the window began
};

thread_local Worker this_worker;

using Next = grpc_event (*)(grpc_completion_queue*, gpr_timespec, void*);

Next RealNext() {
  static const auto next = reinterpret_cast<Next>(dlsym(RTLD_NEXT, "grpc_completion_queue_next"));
  return next;
}

// Waits again where gRPC's threads would sleep.
grpc_event TakeEvent(grpc_completion_queue* queue, void* reserved) {
  for (;;) {
    const gpr_timespec second = gpr_time_from_seconds(1, GPR_TIMESPAN);
    const grpc_event event =
        RealNext()(queue, gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), second), reserved);
    if (event.type != GRPC_QUEUE_TIMEOUT) return event;
  }
}

}  // namespace

void SpareTransportThreads(int cores) {
  most_busy.store(std::max(1, cores / 2), std::memory_order_relaxed);
  processors.store(cores, std::memory_order_relaxed);
}

void TransportThreads::Join() {
  const absl::MutexLock lock(&mutex_);
  ++threads_;
  working_.store(working() + 1, std::memory_order_relaxed);
}

void TransportThreads::Leave() {
  const absl::MutexLock lock(&mutex_);
  --threads_;
  working_.store(working() - 1, std::memory_order_relaxed);
  may_work_.Signal();
}

bool TransportThreads::Rest() {
  const absl::MutexLock lock(&mutex_);
  if (ended_ || working() <= allowed()) return false;
  working_.store(working() - 1, std::memory_order_relaxed);
  while (!ended_ && working() >= allowed()) {
    const std::uint64_t turns = turns_.load(std::memory_order_relaxed);
    const bool is_time_over = may_work_.WaitWithTimeout(&mutex_, kStuck);
    const bool is_stuck = waiting_.load(std::memory_order_relaxed) == 0 &&
                          turns == turns_.load(std::memory_order_relaxed);
    if (is_time_over && is_stuck && working() == 1) Allow(allowed() + 1, SteadyNow());
  }
  working_.store(working() + 1, std::memory_order_relaxed);
  return true;
}

void TransportThreads::End() {
  const absl::MutexLock lock(&mutex_);
  ended_ = true;
  may_work_.SignalAll();
}

void TransportThreads::NoteTurn(absl::Duration worked, absl::Time now) {
  if (worked >= kLongTurn) {
    AllowOneMore(std::max(2, most_busy_), now);
  } else if (allowed() > 1) {
    AllowOneLess(now);
  }
}

void TransportThreads::NoteShare(double worked, absl::Time now) {
  if (worked >= kBusy) {
    AllowOneMore(most_busy_, now);
  } else if (worked >= kHalfBusy && allowed() > 1) {
    AllowOneMore(allowed(), now);
  }
}

void TransportThreads::AllowOneMore(int most, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  Allow(std::min(allowed() + 1, most), now);
}

void TransportThreads::Allow(int threads, absl::Time now) {
  last_reason_ = now;
  threads = std::min(threads, threads_);
  if (threads <= allowed()) return;
  allowed_.store(threads, std::memory_order_relaxed);
  may_work_.Signal();
}

void TransportThreads::AllowOneLess(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (allowed() == 1 || now - last_reason_ < kStay) return;
  allowed_.store(allowed() - 1, std::memory_order_relaxed);
  last_reason_ = now;
}

}  // namespace descent::ops

// gRPC's own name and the system's.

extern "C" grpc_event grpc_completion_queue_next(grpc_completion_queue* cq, gpr_timespec deadline,
                                                 void* reserved) {
  using descent::ops::this_worker;
  if (descent::ops::most_busy.load(std::memory_order_relaxed) == 0 || !this_worker.Join(cq)) {
    return descent::ops::RealNext()(cq, deadline, reserved);
  }
  this_worker.Rest();
  const grpc_event event = descent::ops::TakeEvent(cq, reserved);
  if (event.type == GRPC_QUEUE_SHUTDOWN) this_worker.End();
  return event;
}

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's are reserved
extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  using descent::ops::this_worker;
  const auto wait = [=](int milliseconds) {
    return epoll_pwait(epoll, events, most, milliseconds, nullptr);
  };
  if (!this_worker.joined()) return wait(timeout);
  this_worker.BeforeWait();
  int count = timeout == 0 ? 0 : this_worker.Poll([&wait] { return wait(0); });
  if (count == 0) count = wait(timeout);
  const int error = errno;
  this_worker.AfterWait();
  errno = error;
  return count;
}
