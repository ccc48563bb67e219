#include "server/services/visitors.h"

#include <grpcpp/server_context.h>

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace descent::services {
namespace {

// 128 bits of the system's randomness.
std::string NewTicket() {
  std::random_device random;
  std::string ticket;
  for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&ticket, "%08x", random());
  return ticket;
}

}  // namespace

bool Visitors::Begin(const Visitor& visitor,
                     absl::FunctionRef<void(const std::string& ticket)> call) {
  const std::string ticket = NewTicket();
  const absl::ReaderMutexLock door(&door_);
  if (closed_) return false;
  {
    const absl::MutexLock lock(&mutex_);
    visitors_.emplace(ticket, visitor);
    announced_.store(visitors_.size(), std::memory_order_relaxed);
  }
  call(ticket);
  return true;
}

void Visitors::Close() {
  const absl::MutexLock door(&door_);
  closed_ = true;
}

void Visitors::Forget(std::string_view ticket) {
  const absl::MutexLock lock(&mutex_);
  visitors_.erase(std::string(ticket));
  announced_.store(visitors_.size(), std::memory_order_relaxed);
}

std::unique_ptr<Visitor> Visitors::Take(const grpc::ServerContextBase& context) {
  // Most calls look no further. One that follows its announcement sees it, for it comes through the
  // channel after that.
  if (announced_.load(std::memory_order_relaxed) == 0) return nullptr;
  const auto [first, last] = context.client_metadata().equal_range(kVisitorTicket);
  if (first == last) return nullptr;
  const std::string ticket(first->second.data(), first->second.size());
  const absl::MutexLock lock(&mutex_);
  const auto found = visitors_.find(ticket);
  if (found == visitors_.end()) return nullptr;
  auto visitor = std::make_unique<Visitor>(std::move(found->second));
  visitors_.erase(found);
  announced_.store(visitors_.size(), std::memory_order_relaxed);
  return visitor;
}

}  // namespace descent::services
