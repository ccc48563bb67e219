#include "server/models/work/fair_queue.h"

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
  Flow& flow = flows_[{claim.owner, cost_class}];
  flow.finished = std::max(flow.finished, now_) + std::max(claim.cost, kLeastCost);
  flow.waiting.Push(claim.caller, {std::move(task), claim.cost});
  classes_[cost_class].emplace(Mark(flow.finished, pushed_++), claim.owner);
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
    if (classes_[i].empty() || Next(i).cost > cost) continue;
    if (next == kClasses || classes_[i].begin()->first < classes_[next].begin()->first) next = i;
  }
  if (next == kClasses) return std::nullopt;
  return Take(next);
}

const FairQueue::Entry& FairQueue::Next(std::size_t cost_class) const {
  return flows_.find({classes_[cost_class].begin()->second, cost_class})->second.waiting.Next();
}

FairQueue::Entry FairQueue::Take(std::size_t cost_class) {
  const auto first = classes_[cost_class].begin();
  now_ = std::max(now_, first->first.first);
  const auto flow = flows_.find({first->second, cost_class});
  classes_[cost_class].erase(first);
  Entry entry = flow->second.waiting.Pop();
  // After its last task a flow begins anew.
  if (flow->second.waiting.empty()) flows_.erase(flow);
  if (--size_ == 0) now_ = 0;
  return entry;
}

}  // namespace descent::models
