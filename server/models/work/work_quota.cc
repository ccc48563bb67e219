#include "server/models/work/work_quota.h"

#include "clock/steady.h"
#include "core/status_macros.h"
#include "server/models/errors.h"

namespace descent::models {
namespace {

// So few are admitted however long they may wait: there are threads for some of them at once.
constexpr std::int64_t kFewItems = 4;

}  // namespace

WorkTicket& WorkTicket::operator=(WorkTicket&& other) noexcept {
  std::swap(quota_, other.quota_);
  std::swap(bytes_, other.bytes_);
  memory_ = std::move(other.memory_);
  return *this;
}

void WorkTicket::Release() {
  if (const auto quota = std::exchange(quota_, nullptr); quota != nullptr) quota->Give(bytes_);
  memory_ = MemoryCharge();
}

std::shared_ptr<WorkQuota> WorkQuota::Create(std::string_view name, const Limits& limits,
                                             std::shared_ptr<WorkQuota> parent,
                                             std::shared_ptr<MemoryBudget> memory) {
  return std::shared_ptr<WorkQuota>(
      new WorkQuota(name, limits, std::move(parent), std::move(memory)));
}

absl::StatusOr<WorkTicket> WorkQuota::Admit(std::size_t bytes) {
  MemoryCharge charge;
  if (memory() != nullptr && bytes > 0) {
    ASSIGN_OR_RETURN(charge, memory()->Reserve(MemoryPurpose::kHeldWork, bytes));
  }
  RETURN_IF_ERROR(Take(bytes));
  return WorkTicket(shared_from_this(), bytes, std::move(charge));
}

absl::Status WorkQuota::Take(std::size_t bytes) {
  if (parent_ != nullptr) RETURN_IF_ERROR(parent_->Take(bytes));
  absl::Status refusal;
  {
    const absl::MutexLock lock(&mutex_);
    if (closed_) {
      refusal = Draining(limits_.retry_after);
    } else if (items_ >= limits_.items) {
      refusal =
          QueueFull(name_, "items", static_cast<std::uint64_t>(limits_.items), limits_.retry_after);
    } else if (items_ > 0 && (bytes_ >= limits_.bytes || bytes > limits_.bytes - bytes_)) {
      refusal = QueueFull(name_, "bytes", limits_.bytes, limits_.retry_after);
    } else if (WaitIsTooLong()) {
      const std::int64_t milliseconds = absl::ToInt64Milliseconds(limits_.longest_wait);
      refusal = QueueFull(name_, "milliseconds of waiting",
                          static_cast<std::uint64_t>(milliseconds), limits_.retry_after);
    } else {
      AddItem(bytes);
      return absl::OkStatus();
    }
  }
  if (parent_ != nullptr) parent_->Give(bytes);
  return refusal;
}

WorkTicket WorkQuota::AdmitAlways(std::size_t bytes) {
  for (WorkQuota* quota = this; quota != nullptr; quota = quota->parent_.get()) {
    const absl::MutexLock lock(&quota->mutex_);
    quota->AddItem(bytes);
  }
  MemoryCharge charge;
  if (memory() != nullptr && bytes > 0) charge = memory()->Count(MemoryPurpose::kHeldWork, bytes);
  return {shared_from_this(), bytes, std::move(charge)};
}

void WorkQuota::Give(std::size_t bytes) {
  for (WorkQuota* quota = this; quota != nullptr; quota = quota->parent_.get()) {
    const absl::MutexLock lock(&quota->mutex_);
    --quota->items_;
    quota->bytes_ -= bytes;
    if (quota->WatchesWaits()) quota->waits_.NoteEnd(SteadyNow());
  }
}

void WorkQuota::AddItem(std::size_t bytes) {
  if (items_ == 0 && WatchesWaits()) waits_.NoteBegin(SteadyNow());
  ++items_;
  bytes_ += bytes;
}

bool WorkQuota::WaitIsTooLong() const {
  return WatchesWaits() && items_ >= kFewItems &&
         waits_.Wait(items_, SteadyNow()) > limits_.longest_wait;
}

bool WorkQuota::HasRoom() const {
  for (const WorkQuota* quota = this; quota != nullptr; quota = quota->parent_.get()) {
    const absl::MutexLock lock(&quota->mutex_);
    if (quota->items_ >= quota->limits_.items || quota->bytes_ >= quota->limits_.bytes) {
      return false;
    }
  }
  return true;
}

void WorkQuota::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
}

absl::Status WorkQuota::OpenStatus() const {
  const absl::MutexLock lock(&mutex_);
  return closed_ ? Draining(limits_.retry_after) : absl::OkStatus();
}

bool WorkQuota::AwaitIdle(absl::Time deadline) const {
  const absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return items_ == 0; };
  return AwaitUntil(&mutex_, absl::Condition(&idle), deadline);
}

std::int64_t WorkQuota::items() const {
  const absl::MutexLock lock(&mutex_);
  return items_;
}

std::size_t WorkQuota::bytes() const {
  const absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace descent::models
