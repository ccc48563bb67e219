// The memory that models may hold, all together.

#ifndef SERVER_MODELS_MEMORY_BUDGET_H_
#define SERVER_MODELS_MEMORY_BUDGET_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/network.h"
#include "core/spec.h"

namespace descent::models {

class MemoryBudget;

// Bytes counted against a budget, given back when destroyed.
class MemoryCharge {
 public:
  MemoryCharge() = default;
  MemoryCharge(MemoryCharge&& other) noexcept = default;
  MemoryCharge& operator=(MemoryCharge&& other) noexcept;
  ~MemoryCharge();

  std::size_t bytes() const { return bytes_; }

  // Raises the charge to at least `bytes`: RESOURCE_EXHAUSTED (MEMORY_BUDGET) and no change if that
  // exceeds the budget.
  absl::Status TryRaise(std::size_t bytes);

  // The same for memory that is held already: counts it even beyond the budget.
  void Raise(std::size_t bytes);

 private:
  friend class MemoryBudget;
  MemoryCharge(std::shared_ptr<MemoryBudget> budget, std::size_t bytes)
      : budget_(std::move(budget)), bytes_(bytes) {}

  std::shared_ptr<MemoryBudget> budget_;
  std::size_t bytes_ = 0;
};

// Thread-safe.
class MemoryBudget : public std::enable_shared_from_this<MemoryBudget> {
 public:
  static std::shared_ptr<MemoryBudget> Create(std::size_t limit_bytes);

  // RESOURCE_EXHAUSTED (MEMORY_BUDGET).
  absl::StatusOr<MemoryCharge> Reserve(std::size_t bytes);

  std::size_t used() const;

 private:
  friend class MemoryCharge;
  explicit MemoryBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}

  absl::Status Take(std::size_t bytes, bool beyond_limit);
  void Give(std::size_t bytes);

  const std::size_t limit_;
  mutable absl::Mutex mutex_;
  std::size_t used_ ABSL_GUARDED_BY(mutex_) = 0;
};

// What a live model holds before it has seen a batch: parameters as they are, as they will be
// (before that, the gradient) and as a reader may hold them, the optimizer's slots, and what an
// idle model costs besides. Errors are those of MakeOptimizer.
absl::StatusOr<std::size_t> EstimateModelBytes(const Network& network,
                                               const OptimizerSpec& optimizer);

}  // namespace descent::models

#endif  // SERVER_MODELS_MEMORY_BUDGET_H_
