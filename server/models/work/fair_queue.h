// Tasks that wait for threads, shared out fairly: between models, between the callers of one, and
// between short work and long.
//
// Self-clocked fair queueing. A task is marked with the virtual time at which it would be finished
// if all that wait were worked on at once: that of the last one of its flow, or now if none waits,
// plus its cost. The flow with the least mark comes next, and its mark is now. A flow is one
// model's tasks of about one cost, so that a model's short calls do not stand behind its long ones.
// Within a flow callers take turns: who sends more gets no more of the model.

#ifndef SERVER_MODELS_WORK_FAIR_QUEUE_H_
#define SERVER_MODELS_WORK_FAIR_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "server/models/work/caller_turns.h"
#include "server/models/work/cost.h"

namespace descent::models {

using Task = absl::AnyInvocable<void() &&>;

// Who shares threads with others, and how much of them a task takes.
struct Claim {
  const void* owner = nullptr;  // tells models apart
  MultiplyAdds cost = 0;
  std::uint64_t caller = 0;  // tells callers apart
};

// Not thread-safe.
class FairQueue {
 public:
  struct Entry {
    Task task;
    MultiplyAdds cost = 0;
  };

  void Push(Task task, const Claim& claim);

  // The next task; requires one.
  Entry Pop();

  // The next task of those that cost at most `cost`.
  std::optional<Entry> PopCheaper(MultiplyAdds cost);

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  // Costs within a factor of 16 of each other are a class.
  static constexpr std::size_t kClasses = 16;
  static std::size_t ClassOf(MultiplyAdds cost);
  // Those that come sooner first; in the order they came where both come at once.
  using Mark = std::pair<double, std::uint64_t>;
  struct Flow {
    double finished = 0;  // when its last waiting task is
    CallerTurns<Entry> waiting;
  };
  // The owners whose turns the marks are: as many for each as its flow has tasks.
  using Class = std::map<Mark, const void*>;

  const Entry& Next(std::size_t cost_class) const;
  Entry Take(std::size_t cost_class);

  std::array<Class, kClasses> classes_;
  absl::flat_hash_map<std::pair<const void*, std::size_t>, Flow> flows_;  // that have tasks
  double now_ = 0;
  std::uint64_t pushed_ = 0;
  std::size_t size_ = 0;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_FAIR_QUEUE_H_
