#include "server/models/work/memory_budget.h"

#include "core/status_macros.h"
#include "server/models/errors.h"

namespace descent::models {
namespace {

constexpr std::array<std::string_view, kMemoryPurposes> kNames = {
    "models",      "answers",     "sessions", "workspaces", "held_work",
    "evaluations", "checkpoints", "received", "unsent"};

bool Stands(MemoryPurpose purpose) { return purpose <= MemoryPurpose::kSessions; }

// Adds `bytes` to `counter` unless it would come to more than `limit`.
bool AddWithin(std::size_t limit, std::size_t bytes, std::atomic<std::size_t>* counter) {
  std::size_t before = counter->load(std::memory_order_relaxed);
  do {
    if (before > limit || bytes > limit - before) return false;
  } while (!counter->compare_exchange_weak(before, before + bytes, std::memory_order_relaxed));
  return true;
}

}  // namespace

std::string_view MemoryPurposeName(MemoryPurpose purpose) {
  return kNames[static_cast<std::size_t>(purpose)];
}

MemoryCharge& MemoryCharge::operator=(MemoryCharge&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(purpose_, other.purpose_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MemoryCharge::~MemoryCharge() {
  if (budget_ != nullptr) budget_->Give(purpose_, bytes_);
}

absl::Status MemoryCharge::TryRaise(std::size_t bytes) {
  if (bytes <= bytes_ || budget_ == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(budget_->Take(purpose_, bytes - bytes_));
  bytes_ = bytes;
  return absl::OkStatus();
}

void MemoryCharge::Raise(std::size_t bytes) {
  if (bytes <= bytes_ || budget_ == nullptr) return;
  budget_->TakeAlways(purpose_, bytes - bytes_);
  bytes_ = bytes;
}

void MemoryCharge::LowerTo(std::size_t bytes) {
  if (bytes >= bytes_) return;
  budget_->Give(purpose_, bytes_ - bytes);
  bytes_ = bytes;
}

std::shared_ptr<MemoryBudget> MemoryBudget::Create(std::size_t limit_bytes) {
  return std::shared_ptr<MemoryBudget>(new MemoryBudget(limit_bytes));
}

absl::StatusOr<MemoryCharge> MemoryBudget::Reserve(MemoryPurpose purpose, std::size_t bytes) {
  RETURN_IF_ERROR(Take(purpose, bytes));
  return MemoryCharge(shared_from_this(), purpose, bytes);
}

MemoryCharge MemoryBudget::Count(MemoryPurpose purpose, std::size_t bytes) {
  TakeAlways(purpose, bytes);
  return {shared_from_this(), purpose, bytes};
}

absl::Status MemoryBudget::Take(MemoryPurpose purpose, std::size_t bytes) {
  const bool stands = Stands(purpose);
  if (stands && !AddWithin(standing_limit_, bytes, &standing_)) {
    return OverMemoryBudget(MemoryPurposeName(purpose), bytes,
                            standing_.load(std::memory_order_relaxed), standing_limit_,
                            /*passes=*/false);
  }
  const std::size_t limit = limit_with(bytes);
  if (!AddWithin(limit, bytes, &used_)) {
    if (stands) standing_.fetch_sub(bytes, std::memory_order_relaxed);
    // All that does not stand will have gone.
    const std::size_t standing = standing_.load(std::memory_order_relaxed);
    const bool passes = standing <= limit && bytes <= limit - standing;
    return OverMemoryBudget(MemoryPurposeName(purpose), bytes, used(), limit, passes);
  }
  by_purpose_[static_cast<std::size_t>(purpose)].fetch_add(bytes, std::memory_order_relaxed);
  return absl::OkStatus();
}

void MemoryBudget::TakeAlways(MemoryPurpose purpose, std::size_t bytes) {
  if (Stands(purpose)) standing_.fetch_add(bytes, std::memory_order_relaxed);
  used_.fetch_add(bytes, std::memory_order_relaxed);
  by_purpose_[static_cast<std::size_t>(purpose)].fetch_add(bytes, std::memory_order_relaxed);
}

void MemoryBudget::Give(MemoryPurpose purpose, std::size_t bytes) {
  by_purpose_[static_cast<std::size_t>(purpose)].fetch_sub(bytes, std::memory_order_relaxed);
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  if (Stands(purpose)) standing_.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace descent::models
