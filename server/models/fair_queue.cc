#include "server/models/fair_queue.h"

#include <algorithm>
#include <cmath>

namespace descent::models {
namespace {

// What a task costs at least, to be queued and answered.
constexpr MultiplyAdds kLeastCost = 1 << 16;

}  // namespace

std::size_t FairQueue::ClassOf(MultiplyAdds cost) {
  const int doublings = std::ilogb(std::max(cost, kLeastCost) / kLeastCost);
  return std::min(static_cast<std::size_t>(doublings) / 4, kClasses - 1);
}

void FairQueue::Push(Task task, const Claim& claim) {
  const std::size_t cost_class = ClassOf(claim.cost);
  double& finished = flows_.try_emplace({claim.owner, cost_class}, now_).first->second;
  finished = std::max(finished, now_) + std::max(claim.cost, kLeastCost);
  classes_[cost_class].emplace(Mark(finished, pushed_++),
                               Waiting{{std::move(task), claim.cost}, claim.owner});
  ++size_;
}

FairQueue::Entry FairQueue::Pop() {
  std::size_t next = kClasses;
  for (std::size_t i = 0; i < kClasses; ++i) {
    if (classes_[i].empty()) continue;
    if (next == kClasses || classes_[i].begin()->first < classes_[next].begin()->first) next = i;
  }
  return Take(next);
}

std::optional<FairQueue::Entry> FairQueue::PopCheaper(MultiplyAdds cost) {
  std::size_t next = kClasses;
  for (std::size_t i = 0; i < kClasses && (i == 0 || i <= ClassOf(cost)); ++i) {
    if (classes_[i].empty() || classes_[i].begin()->second.entry.cost > cost) continue;
    if (next == kClasses || classes_[i].begin()->first < classes_[next].begin()->first) next = i;
  }
  if (next == kClasses) return std::nullopt;
  return Take(next);
}

FairQueue::Entry FairQueue::Take(std::size_t cost_class) {
  auto first = classes_[cost_class].extract(classes_[cost_class].begin());
  now_ = std::max(now_, first.key().first);
  const auto flow = flows_.find({first.mapped().owner, cost_class});
  // Behind its last task a flow begins anew.
  if (flow != flows_.end() && flow->second <= first.key().first) flows_.erase(flow);
  if (--size_ == 0) now_ = 0;
  return std::move(first.mapped().entry);
}

}  // namespace descent::models
