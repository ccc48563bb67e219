// What updates change of a model, and the memory that this holds.
//
// The one way to apply an update: whether a caller sent it (ModelState, on the model's lane) or the
// journal has it (recovery, and the store's tests).

#ifndef SERVER_MODELS_STATE_TRAINED_MODEL_H_
#define SERVER_MODELS_STATE_TRAINED_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/network.h"
#include "core/thread_pool.h"
#include "core/trainer.h"
#include "server/models/commands.h"
#include "server/models/state/shared_history.h"
#include "server/models/work/memory_budget.h"
#include "server/store/model_settings.h"
#include "server/store/records.h"

namespace descent::models {

// Not thread-safe.
class TrainedModel {
 public:
  // At step 0. The model's memory is reserved before it is allocated. Errors are those of
  // Network::Create and Trainer::Create, with their fields in "model.network" and
  // "model.optimizer", and RESOURCE_EXHAUSTED (MEMORY_BUDGET).
  static absl::StatusOr<TrainedModel> Create(store::ModelSettings settings, MemoryBudget* memory,
                                             ThreadPool* pool);
  // What a checkpoint holds, or step 0 if its parameters are null.
  static absl::StatusOr<TrainedModel> Create(store::ModelImage image, MemoryBudget* memory,
                                             ThreadPool* pool);

  const std::shared_ptr<const Network>& network() const { return network_; }
  const store::ModelSettings& settings() const { return settings_; }
  double last_loss() const { return last_loss_; }
  // Of the last update that trained; after a checkpoint about that of the last before it.
  double gradient_norm() const { return gradient_norm_; }
  const store::History& history() const { return history_->own(); }
  // The same for everybody, on any thread.
  const std::shared_ptr<SharedHistory>& shared_history() const { return history_; }
  // Not after Release.
  const Trainer& trainer() const { return *trainer_; }
  std::int64_t step() const { return trainer_->step(); }
  bool is_released() const { return trainer_ == nullptr; }

  // Updates; refused ones change nothing, those that the budget has no memory for among them.
  absl::StatusOr<UpdateResult> Step(const Batch& batch, std::optional<double> learning_rate);
  absl::StatusOr<UpdateResult> ApplyGradients(const Buffer& gradients, const TableGradients& tables,
                                              std::optional<double> learning_rate);
  // parameters: laid out, all of them.
  absl::Status SetParameters(const Buffer& parameters, bool keep_optimizer_state);
  // Changes of network and name are not looked at. Does not count as a step.
  absl::Status SetSettings(store::ModelSettings settings);
  // Becomes what a checkpoint of this model holds: parameters, the optimizer with its state, step,
  // last loss and history; durability and labels stay. Not counted as a step.
  absl::Status Restore(store::ModelImage image);

  // Adds the update that was applied last to the history, if it trained: once for each.
  void Record(const store::Update& update, absl::Time time, const UpdateResult& result,
              std::int64_t rows);

  // The checkpoint that a RestoreUpdate names.
  using FindCheckpoint = absl::FunctionRef<absl::StatusOr<store::ModelImage>(std::int64_t id)>;
  // Applies an update that was applied before, by the calls above, and records it. What it takes to
  // compute is counted and not refused, for the model is nothing without it; what the model itself
  // grows by may still be too much (MEMORY_BUDGET). Errors of the engine mean that the update is
  // not what it was.
  absl::Status Replay(const store::UpdateRecord& record, FindCheckpoint find_checkpoint);

  // What it holds now, its workspace included.
  std::size_t memory_bytes() const {
    return memory_.bytes() + more_memory_.bytes() + workspace_memory_.bytes();
  }

  // Frees what the next update can make again.
  void FreeUnused();
  // Frees all but settings and network.
  void Release();

 private:
  TrainedModel(std::shared_ptr<const Network> network, std::unique_ptr<Trainer> trainer,
               store::ModelSettings settings, MemoryCharge memory, MemoryBudget* budget);

  absl::Status ReplayUpdate(const store::BatchUpdate& update, FindCheckpoint find_checkpoint);
  absl::Status ReplayUpdate(const store::GradientsUpdate& update, FindCheckpoint find_checkpoint);
  absl::Status ReplayUpdate(const store::ParametersUpdate& update, FindCheckpoint find_checkpoint);
  absl::Status ReplayUpdate(const store::SettingsUpdate& update, FindCheckpoint find_checkpoint);
  absl::Status ReplayUpdate(const store::RestoreUpdate& update, FindCheckpoint find_checkpoint);
  absl::Status ReplayUpdate(const store::CheckpointDeletion& update,
                            FindCheckpoint find_checkpoint);
  absl::Status CheckLayout(const Buffer& values, std::int64_t size) const;
  absl::Status CheckTables(const TableGradients& gradients) const;

  // Before an update that computes in so many bytes: what it may allocate.
  absl::Status ReserveForUpdate(double workspace_bytes);
  // After it: what is held.
  void CountHeld();
  std::size_t UsualStateBytes() const;
  std::size_t HistoryBytes() const {
    return history().points.capacity() * sizeof(store::HistoryPoint);
  }

  std::shared_ptr<const Network> network_;
  store::ModelSettings settings_;
  // As EstimateModelBytes has it; parameters that more readers hold, what an update that may not
  // stay finite needs to be taken back, and the history; the trainer's workspace.
  MemoryCharge memory_;
  MemoryCharge more_memory_;
  MemoryCharge workspace_memory_;
  bool replays_ = false;
  std::unique_ptr<Trainer> trainer_;  // null once released
  double last_loss_ = 0;
  double gradient_norm_ = 0;
  std::shared_ptr<SharedHistory> history_ = std::make_shared<SharedHistory>();
};

// What is answered about a model: all but its durable step. Not after Release.
ModelInfo Describe(const TrainedModel& model, absl::Time create_time, absl::Time update_time);

}  // namespace descent::models

#endif  // SERVER_MODELS_STATE_TRAINED_MODEL_H_
