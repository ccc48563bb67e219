// What waits, by who waits for it: callers take turns, and what one of them sends keeps its order.

#ifndef SERVER_MODELS_WORK_CALLER_TURNS_H_
#define SERVER_MODELS_WORK_CALLER_TURNS_H_

#include <cstdint>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace descent::models {

// Not thread-safe.
template <typename T>
class CallerTurns {
 public:
  void Push(std::uint64_t caller, T item) {
    std::deque<T>& items = waiting_[caller];
    if (items.empty()) turns_.push_back(caller);
    items.push_back(std::move(item));
  }

  // What Pop takes; requires one.
  const T& Next() const { return waiting_.find(turns_.front())->second.front(); }

  // The oldest of the caller whose turn it is; requires one.
  T Pop() {
    const std::uint64_t caller = turns_.front();
    turns_.pop_front();
    const auto items = waiting_.find(caller);
    T item = std::move(items->second.front());
    items->second.pop_front();
    if (items->second.empty()) {
      waiting_.erase(items);
    } else {
      turns_.push_back(caller);
    }
    return item;
  }

  bool empty() const { return turns_.empty(); }

 private:
  absl::flat_hash_map<std::uint64_t, std::deque<T>> waiting_;
  std::deque<std::uint64_t> turns_;  // those that have something, next first
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_CALLER_TURNS_H_
