// What updates change: the trainer, and behind it the journal that makes updates last and the
// publication that shows them.
//
// An update is computed, then committed: its record goes to the journal, and when the journal calls
// back it is published and answered, in this order. So no reader is shown a step that a crash could
// take back, and whoever has an answer finds it in the next read.

#ifndef SERVER_MODELS_MODEL_STATE_H_
#define SERVER_MODELS_MODEL_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/trainer.h"
#include "server/models/commands.h"
#include "server/models/memory_budget.h"
#include "server/models/publication.h"
#include "server/store/store.h"

namespace descent::models {

// Gives a trainer the state of a checkpoint, and the optimizer that belongs to it.
absl::Status BecomeImage(TrainerState state, const OptimizerSpec& optimizer, Trainer* trainer);

// Not thread-safe: used by the tasks of the model's lane alone. Callbacks may come on any thread.
class ModelState {
 public:
  // What a model is made from; `journal` goes on behind what `trainer` and `settings` are.
  struct Parts {
    std::shared_ptr<const Network> network;
    std::unique_ptr<Trainer> trainer;
    ModelSettings settings;
    absl::Time create_time;
    absl::Time update_time;
    double last_loss = 0;
    MemoryCharge memory;
    std::unique_ptr<store::Journal> journal;
  };

  ModelState(Parts parts, std::shared_ptr<MemoryBudget> budget);

  const std::shared_ptr<Publication>& publication() const { return publication_; }
  const Network& network() const { return *publication_->network(); }
  const ModelSettings& settings() const { return settings_; }
  std::int64_t step() const { return trainer_->step(); }
  // The parameters as they are now, published or not.
  Snapshot snapshot() const { return trainer_->snapshot(); }

  // Updates; refused ones change nothing, those that the budget has no memory for among them. An
  // applied one must be committed before the next.
  absl::StatusOr<UpdateResult> Step(const Batch& batch, std::optional<double> learning_rate);
  absl::StatusOr<UpdateResult> ApplyGradients(const Buffer& gradients,
                                              std::optional<double> learning_rate);
  // parameters: laid out, all of them.
  absl::Status SetParameters(const Buffer& parameters, bool keep_optimizer_state);
  // Changes of network and name are not looked at. Does not count as a step.
  absl::Status SetSettings(ModelSettings settings);

  // Becomes what a checkpoint of this model holds: parameters, the optimizer with its state, step
  // and last loss; durability and labels stay. Not counted as a step. Counts as an update to be
  // committed.
  absl::Status Restore(store::ModelImage image);

  // What an update was, what it did, and what it answers.
  struct Change {
    store::Update update;
    UpdateResult result;
    std::int64_t rows = 0;
    std::optional<store::SessionPosition> session = std::nullopt;
    std::optional<store::AnsweredRequest> request = std::nullopt;
  };
  // Records the update that was just applied; publishes it, then calls `done`.
  void Commit(Change change, store::OnStored done);

  // Calls `done` behind everything committed before.
  void Sync(store::OnStored done);

  // Frees what only training needs and removes the model from the store. Only Sync may follow.
  void Remove(std::optional<store::AnsweredRequest> request, store::OnStored done);

  // Frees what only training needs and lets go of the journal, which has failed. Only Sync may
  // follow.
  void Abandon();

  // Frees what the next update can make again.
  void FreeUnused();

  // For checkpoints. Requires that neither Remove nor Abandon was called.
  store::Journal* journal() const { return journal_.get(); }

  // The state as it is now, without sessions and answers.
  store::ModelImage Image() const;

  // What it takes beside the parameters, which are shared.
  std::size_t ImageBytes() const;

  // Everything but durable_step, as it is now.
  ModelInfo Describe() const;

 private:
  // Before an update with a batch of so many rows, or none: what it may allocate.
  absl::Status ReserveForUpdate(std::int64_t rows);
  // Behind it: what is held.
  void CountHeld();
  std::size_t UsualStateBytes() const;

  const std::shared_ptr<Publication> publication_;
  ModelSettings settings_;
  // As EstimateModelBytes has it; parameters that more readers hold, and what an update that may
  // not stay finite needs to be taken back; the trainer's workspace.
  MemoryCharge memory_;
  MemoryCharge more_memory_;
  MemoryCharge workspace_memory_;
  // Null once removed.
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<store::Journal> journal_;
  double last_loss_ = 0;
  absl::Time update_time_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_MODEL_STATE_H_
