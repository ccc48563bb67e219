// Bounds on the work that is held: queued, running, or waiting to be answered.

#ifndef SERVER_MODELS_WORK_WORK_QUOTA_H_
#define SERVER_MODELS_WORK_WORK_QUOTA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/models/work/memory_budget.h"
#include "server/models/work/wait_estimate.h"

namespace descent::models {

class WorkQuota;

// One held piece of work; gives its place back when destroyed.
class WorkTicket {
 public:
  WorkTicket() = default;
  WorkTicket(WorkTicket&& other) noexcept = default;
  WorkTicket& operator=(WorkTicket&& other) noexcept;
  ~WorkTicket() { Release(); }

  void Release();

 private:
  friend class WorkQuota;
  WorkTicket(std::shared_ptr<WorkQuota> quota, std::size_t bytes, MemoryCharge memory)
      : quota_(std::move(quota)), bytes_(bytes), memory_(std::move(memory)) {}

  std::shared_ptr<WorkQuota> quota_;
  std::size_t bytes_ = 0;
  MemoryCharge memory_;
};

// A quota counts items and bytes. A quota with a parent takes its place in both, so a model's queue
// is bounded by itself and all of them together by the root. Thread-safe.
class WorkQuota : public std::enable_shared_from_this<WorkQuota> {
 public:
  struct Limits {
    std::int64_t items = 0;
    std::size_t bytes = 0;
    absl::Duration retry_after;  // what a refused caller is told
    // What an item may have to wait for those that are held, as far as can be told.
    absl::Duration longest_wait = absl::InfiniteDuration();
  };

  // `name`: of what, for messages; must have static storage. `parent` may be null. What a quota
  // without a parent admits is counted against `memory`, which may be null too, as held work.
  static std::shared_ptr<WorkQuota> Create(std::string_view name, const Limits& limits,
                                           std::shared_ptr<WorkQuota> parent,
                                           std::shared_ptr<MemoryBudget> memory = nullptr);

  // RESOURCE_EXHAUSTED (QUEUE_FULL or MEMORY_BUDGET), UNAVAILABLE (DRAINING) after Close. An empty
  // quota admits any number of bytes that the budget has, so that nothing is refused for ever.
  absl::StatusOr<WorkTicket> Admit(std::size_t bytes);

  // Counts work that is bounded by other means and can't be refused any more.
  WorkTicket AdmitAlways(std::size_t bytes);

  // Whether an item would be admitted by this quota and its parents.
  bool HasRoom() const;

  // Admits nothing from now on, here and in the quotas below.
  void Close();
  // UNAVAILABLE (DRAINING) after Close, otherwise OK.
  absl::Status OpenStatus() const;

  // Returns true once nothing is held, false at the deadline (of SteadyNow).
  bool AwaitIdle(absl::Time deadline) const;

  std::int64_t items() const;
  std::size_t bytes() const;

 private:
  friend class WorkTicket;
  WorkQuota(std::string_view name, const Limits& limits, std::shared_ptr<WorkQuota> parent,
            std::shared_ptr<MemoryBudget> memory)
      : name_(name), limits_(limits), parent_(std::move(parent)), memory_(std::move(memory)) {}

  const std::shared_ptr<MemoryBudget>& memory() const {
    return parent_ != nullptr ? parent_->memory() : memory_;
  }
  absl::Status Take(std::size_t bytes);
  void Give(std::size_t bytes);
  bool WatchesWaits() const { return limits_.longest_wait != absl::InfiniteDuration(); }
  // Whether one more item would have to wait too long.
  bool WaitIsTooLong() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void AddItem(std::size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string_view name_;
  const Limits limits_;
  const std::shared_ptr<WorkQuota> parent_;
  const std::shared_ptr<MemoryBudget> memory_;  // the root's alone

  mutable absl::Mutex mutex_;
  std::int64_t items_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  WaitEstimate waits_ ABSL_GUARDED_BY(mutex_);  // used if they are bounded
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_WORK_QUOTA_H_
