// The memory that the server may hold, all together, and what for.

#ifndef SERVER_MODELS_WORK_MEMORY_BUDGET_H_
#define SERVER_MODELS_WORK_MEMORY_BUDGET_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::models {

// What memory is held for. The first three stand until somebody deletes a model or time goes by;
// the others pass with the work that they belong to.
enum class MemoryPurpose : std::uint8_t {
  kModels,       // descriptions, parameters, gradients, snapshots, optimizer state
  kAnswers,      // remembered, to recognise repeats of a request
  kSessions,     // where training sessions stand
  kWorkspaces,   // the layers' values of a pass, in use or kept for the next one
  kHeldWork,     // tensors of updates and reads that are queued, running or not answered yet
  kEvaluations,  // sums and scores of evaluations that are not finished
  kCheckpoints,  // images on their way into the store or out of it
  kReceived,     // messages that have come and are not decoded yet
  kUnsent,       // answers and pieces of backups, from their making until the transport has them
};
inline constexpr std::size_t kMemoryPurposes = 9;

// "models", "held_work": a word for logs and metrics.
std::string_view MemoryPurposeName(MemoryPurpose purpose);

class MemoryBudget;

// Bytes counted against a budget, given back when destroyed. One that came from no budget counts
// nothing.
class MemoryCharge {
 public:
  MemoryCharge() = default;
  MemoryCharge(MemoryCharge&& other) noexcept
      : budget_(std::move(other.budget_)),
        purpose_(other.purpose_),
        bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryCharge& operator=(MemoryCharge&& other) noexcept;
  ~MemoryCharge();

  std::size_t bytes() const { return bytes_; }

  // Raises the charge to at least `bytes`: RESOURCE_EXHAUSTED (MEMORY_BUDGET) and no change if that
  // exceeds the budget.
  absl::Status TryRaise(std::size_t bytes);

  // The same for memory that is held already: counts it even beyond the budget.
  void Raise(std::size_t bytes);

  // Gives back what is more than `bytes`.
  void LowerTo(std::size_t bytes);

 private:
  friend class MemoryBudget;
  MemoryCharge(std::shared_ptr<MemoryBudget> budget, MemoryPurpose purpose, std::size_t bytes)
      : budget_(std::move(budget)), purpose_(purpose), bytes_(bytes) {}

  std::shared_ptr<MemoryBudget> budget_;
  MemoryPurpose purpose_ = MemoryPurpose::kModels;
  std::size_t bytes_ = 0;
};

// Counts bytes by purpose. What stands may take three quarters of the limit, so that there is
// always room for the work on it and to delete something; and what is large (more than a thousandth
// of the limit at once) leaves the last sixteenth to what is small, so that those who send a lot
// leave room for others' predictions. Thread-safe, without locks.
class MemoryBudget : public std::enable_shared_from_this<MemoryBudget> {
 public:
  static std::shared_ptr<MemoryBudget> Create(std::size_t limit_bytes);

  // RESOURCE_EXHAUSTED (MEMORY_BUDGET), naming purpose, wish and what is free, with advice to call
  // again if it would fit once nothing but what stands is held.
  absl::StatusOr<MemoryCharge> Reserve(MemoryPurpose purpose, std::size_t bytes);

  // Counts what is bounded by other means, or held already, even beyond the limit.
  MemoryCharge Count(MemoryPurpose purpose, std::size_t bytes);

  std::size_t limit() const { return limit_; }
  // Most that models, remembered answers and sessions may hold.
  std::size_t standing_limit() const { return standing_limit_; }
  // Most that may be held, all together, once `bytes` more are.
  std::size_t limit_with(std::size_t bytes) const {
    return bytes > limit_ / 1024 ? limit_ - limit_ / 16 : limit_;
  }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t used(MemoryPurpose purpose) const {
    return by_purpose_[static_cast<std::size_t>(purpose)].load(std::memory_order_relaxed);
  }

 private:
  friend class MemoryCharge;
  explicit MemoryBudget(std::size_t limit_bytes)
      : limit_(limit_bytes), standing_limit_(limit_bytes - limit_bytes / 4) {}

  absl::Status Take(MemoryPurpose purpose, std::size_t bytes);
  void TakeAlways(MemoryPurpose purpose, std::size_t bytes);
  void Give(MemoryPurpose purpose, std::size_t bytes);

  const std::size_t limit_;
  const std::size_t standing_limit_;
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> standing_{0};
  std::array<std::atomic<std::size_t>, kMemoryPurposes> by_purpose_{};
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_MEMORY_BUDGET_H_
