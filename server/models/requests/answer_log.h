// What a model's requests were answered with, as far as a checkpoint has to remember it.

#ifndef SERVER_MODELS_REQUESTS_ANSWER_LOG_H_
#define SERVER_MODELS_REQUESTS_ANSWER_LOG_H_

#include <cstddef>
#include <deque>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/models/commands.h"
#include "server/models/work/memory_budget.h"
#include "server/store/records.h"

namespace descent::models {

// The methods whose answers are remembered, as RememberedAnswer::method.
inline constexpr std::string_view kStep = "Step";
inline constexpr std::string_view kSetParameters = "SetParameters";
inline constexpr std::string_view kUpdateModel = "UpdateModel";
inline constexpr std::string_view kCreateCheckpoint = "CreateCheckpoint";
inline constexpr std::string_view kRestoreCheckpoint = "RestoreCheckpoint";
inline constexpr std::string_view kDeleteCheckpoint = "DeleteCheckpoint";
inline constexpr std::string_view kCreateModel = "CreateModel";
inline constexpr std::string_view kDeleteModel = "DeleteModel";

// A model's description <-> what is kept of it. The counts follow from the network.
store::ModelAnswer AnswerOf(const ModelInfo& info);
ModelInfo InfoOf(const store::ModelAnswer& answer);

// The answers to the newest `count` requests, none older than `age`, and fewer where they are large
// together. An answer is here from the
// moment its update is in the model's state, before it is committed and sent: what a checkpoint of
// the state has to hold. Not thread-safe: used by the tasks of the model's lane alone.
class AnswerLog {
 public:
  // At most `bytes` beside the newest one, counted in `memory`.
  AnswerLog(std::size_t count, absl::Duration age, std::size_t bytes, MemoryCharge memory)
      : count_(count), age_(age), most_bytes_(bytes), memory_(std::move(memory)) {}

  void Add(store::RememberedAnswer answer);

  // Oldest first.
  std::vector<store::RememberedAnswer> Records() const {
    return {answers_.begin(), answers_.end()};
  }

 private:
  const std::size_t count_;
  const absl::Duration age_;
  const std::size_t most_bytes_;
  MemoryCharge memory_;
  std::size_t bytes_ = 0;
  std::deque<store::RememberedAnswer> answers_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REQUESTS_ANSWER_LOG_H_
