// What the writer lane of a model changes: the model itself, then the journal that makes its
// updates durable, and the publication that shows them.
//
// An update is computed, then committed: its record goes to the journal, and when the journal calls
// back it is published and answered, in this order. So no reader is shown a step that a crash could
// take back, and whoever has an answer finds it in the next read.

#ifndef SERVER_MODELS_STATE_MODEL_STATE_H_
#define SERVER_MODELS_STATE_MODEL_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/trainer.h"
#include "server/models/commands.h"
#include "server/models/state/publication.h"
#include "server/models/state/shared_history.h"
#include "server/models/state/trained_model.h"
#include "server/store/store.h"

namespace descent::models {

// Not thread-safe: used by the tasks of the model's lane alone. Callbacks may come on any thread.
class ModelState {
 public:
  // What a model is made from; `journal` goes on after what `model` is.
  struct Parts {
    TrainedModel model;
    absl::Time create_time;
    absl::Time update_time;
    std::unique_ptr<store::Journal> journal;
  };

  explicit ModelState(Parts parts);

  const std::shared_ptr<Publication>& publication() const { return publication_; }
  const Network& network() const { return *publication_->network(); }
  const ModelSettings& settings() const { return model_.settings(); }
  std::int64_t step() const { return model_.step(); }
  // The parameters as they are now, published or not.
  Snapshot snapshot() const { return model_.trainer().snapshot(); }

  // Updates, as TrainedModel has them. An applied one must be committed before the next.
  TrainedModel* model() { return &model_; }

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

  // Calls `done` after everything committed before.
  void Sync(store::OnStored done);

  // Frees what only training needs and removes the model from the store. Only Sync may follow.
  void Remove(std::optional<store::AnsweredRequest> request, store::OnStored done);

  // Frees what only training needs and lets go of the journal, which has failed. Only Sync may
  // follow.
  void Abandon();

  // Frees what the next update can make again.
  void FreeUnused();

  // What the store counts of the model's journal; null if nothing is. On any thread.
  const std::shared_ptr<const store::JournalNumbers>& journal_numbers() const {
    return journal_numbers_;
  }

  // The history for everybody, on any thread.
  const std::shared_ptr<SharedHistory>& shared_history() const { return shared_history_; }

  // For checkpoints. Requires that neither Remove nor Abandon was called.
  store::Journal* journal() const { return journal_.get(); }

  // How training went, up to the last commit.
  const store::History& history() const { return model_.history(); }

  // The state as it is now, without sessions and answers.
  store::ModelImage Image() const;

  // What it takes beside the parameters, which are shared.
  std::size_t ImageBytes() const;

  // Everything but durable_step, as it is now.
  ModelInfo Describe() const;

 private:
  void Count(const Change& change);
  void CountMemory();

  const std::shared_ptr<Publication> publication_;
  TrainedModel model_;
  const std::shared_ptr<SharedHistory> shared_history_;
  // Null once removed.
  std::unique_ptr<store::Journal> journal_;
  const std::shared_ptr<const store::JournalNumbers> journal_numbers_;
  absl::Time update_time_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_STATE_MODEL_STATE_H_
