#include "server/models/memory_budget.h"

#include "core/optimizers/kinds.h"
#include "core/status_macros.h"
#include "server/models/errors.h"

namespace descent::models {
namespace {

// Snapshots. The gradient lies where the next one will be.
constexpr std::size_t kParameterCopies = 3;

// Descriptions, queues and allocator overhead of an idle model.
constexpr std::size_t kIdleModelBytes = 8 << 10;

}  // namespace

MemoryCharge& MemoryCharge::operator=(MemoryCharge&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MemoryCharge::~MemoryCharge() {
  if (budget_ != nullptr) budget_->Give(bytes_);
}

absl::Status MemoryCharge::TryRaise(std::size_t bytes) {
  if (bytes <= bytes_) return absl::OkStatus();
  RETURN_IF_ERROR(budget_->Take(bytes - bytes_, /*beyond_limit=*/false));
  bytes_ = bytes;
  return absl::OkStatus();
}

void MemoryCharge::Raise(std::size_t bytes) {
  if (bytes <= bytes_) return;
  budget_->Take(bytes - bytes_, /*beyond_limit=*/true).IgnoreError();
  bytes_ = bytes;
}

std::shared_ptr<MemoryBudget> MemoryBudget::Create(std::size_t limit_bytes) {
  return std::shared_ptr<MemoryBudget>(new MemoryBudget(limit_bytes));
}

absl::StatusOr<MemoryCharge> MemoryBudget::Reserve(std::size_t bytes) {
  RETURN_IF_ERROR(Take(bytes, /*beyond_limit=*/false));
  return MemoryCharge(shared_from_this(), bytes);
}

absl::Status MemoryBudget::Take(std::size_t bytes, bool beyond_limit) {
  const absl::MutexLock lock(&mutex_);
  if (!beyond_limit && (used_ > limit_ || bytes > limit_ - used_)) {
    return OverMemoryBudget(bytes, used_, limit_);
  }
  used_ += bytes;
  return absl::OkStatus();
}

void MemoryBudget::Give(std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  used_ -= bytes;
}

std::size_t MemoryBudget::used() const {
  const absl::MutexLock lock(&mutex_);
  return used_;
}

absl::StatusOr<std::size_t> EstimateModelBytes(const Network& network,
                                               const OptimizerSpec& optimizer) {
  ASSIGN_OR_RETURN(const auto algorithm, MakeOptimizer(optimizer.algorithm));
  const std::size_t copy =
      static_cast<std::size_t>(network.layout().size()) * ByteWidth(network.data_type());
  return kIdleModelBytes + (kParameterCopies + algorithm->slot_names().size()) * copy;
}

}  // namespace descent::models
