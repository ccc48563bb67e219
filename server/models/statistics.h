// What can be told about the models at any time, without waiting for what they do: for metrics and
// people.

#ifndef SERVER_MODELS_STATISTICS_H_
#define SERVER_MODELS_STATISTICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace descent::models {

enum class ModelCondition : std::uint8_t {
  kServing,
  kRecovering,   // brought back from the store; not served yet
  kQuarantined,  // its stored state is damaged; not served
  kFailed,       // the store could not keep a change of it; read only, if that, until it can
};
inline constexpr std::size_t kModelConditions = 4;

// "serving", "quarantined": a word for metrics and pages.
std::string_view ModelConditionName(ModelCondition condition);

// Each number stands for itself: a step may already have its update while another number has not.
struct ModelStatistics {
  std::string name;
  ModelCondition condition = ModelCondition::kServing;
  bool is_there = false;  // all below says nothing unless the model is there to be asked

  std::int64_t step = 0;
  std::int64_t durable_step = 0;
  double last_loss = 0;
  double gradient_norm = 0;  // of the last update that trained
  absl::Time update_time;
  std::int64_t parameter_count = 0;

  std::int64_t held_updates = 0;  // queued, running, or waiting for their commit; checkpoints too
  std::size_t held_update_bytes = 0;
  std::int64_t held_reads = 0;
  std::int64_t attached_sessions = 0;
  std::size_t memory_bytes = 0;

  // Since the model was made or recovered.
  std::uint64_t updates = 0;  // that trained
  std::uint64_t trained_rows = 0;
  std::uint64_t predictions = 0;
  std::uint64_t predicted_rows = 0;
  std::uint64_t merged_passes = 0;  // predictions of several calls computed as one
  std::uint64_t merged_rows = 0;

  // Of a model that the store keeps something of.
  bool is_stored = false;
  std::int64_t journal_bytes = 0;    // since the newest checkpoint
  std::int64_t journal_updates = 0;  // likewise
  std::int64_t checkpoint_step = 0;
  absl::Time checkpoint_time = absl::UnixEpoch();  // the epoch: there is no checkpoint
};

struct RegistryStatistics {
  std::vector<ModelStatistics> models;  // by name, the first of them
  // How many are in each condition, those that are left out above among them.
  std::array<std::int64_t, kModelConditions> by_condition{};
  std::int64_t left_out = 0;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_STATISTICS_H_
