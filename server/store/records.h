// What is kept of a model: the records of its journal, and the image of its state that a checkpoint
// holds. Plain structs; docs/storage_format.md says how they are written.

#ifndef SERVER_STORE_RECORDS_H_
#define SERVER_STORE_RECORDS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/batch.h"
#include "core/buffer.h"
#include "core/trainer.h"
#include "server/store/history.h"
#include "server/store/model_settings.h"

namespace descent::store {

// Everything that applying an update again takes, given the state before it.

struct BatchUpdate {
  Batch batch;
  std::optional<double> learning_rate;
};

struct GradientsUpdate {
  Buffer gradients;       // laid out, all parameters but tables
  TableGradients tables;  // of networks with categorical inputs
  std::optional<double> learning_rate;
};

struct ParametersUpdate {
  Buffer parameters;  // laid out, all parameters
  bool keep_optimizer_state = false;
};

// Does not count as a step.
struct SettingsUpdate {
  ModelSettings settings;
};

// The state becomes that of a checkpoint, its step included.
struct RestoreUpdate {
  std::int64_t checkpoint_id = 0;  // see LoadedCheckpoint
};

// The checkpoint of that step is no longer listed. Changes nothing of the model.
struct CheckpointDeletion {
  std::int64_t step = 0;
};

using Update = std::variant<BatchUpdate, GradientsUpdate, ParametersUpdate, SettingsUpdate,
                            RestoreUpdate, CheckpointDeletion>;

// The training session that an update belongs to: a session goes on after its last position.
struct SessionPosition {
  std::string session_id;
  std::int64_t sequence = 0;
};

// The request that an update answers, so that a repeat is recognised.
struct AnsweredRequest {
  std::string id;
  std::uint64_t fingerprint = 0;
};

struct UpdateRecord {
  absl::Time time;
  Update update;
  std::optional<SessionPosition> session;
  std::optional<AnsweredRequest> request;
  // What the update did: `step` is the model's step after it, whatever its kind; the rest is for
  // those that train, else 0. `rows`: of a batch, else 0.
  UpdateResult result;
  std::int64_t rows = 0;
  // StateHash after the update; now and then.
  std::optional<std::uint64_t> state_hash;
};

// Where a training session stands.
struct SessionRecord {
  std::string id;
  std::int64_t next_sequence = 1;
  std::int64_t last_step = 0;  // the model's step after its last batch
  absl::Time last_used;
};

// What a request was answered with.

// Step, SetParameters.
struct UpdateAnswer {
  UpdateResult result;
};

// CreateModel, UpdateModel, RestoreCheckpoint.
struct ModelAnswer {
  ModelSettings settings;
  std::int64_t step = 0;
  absl::Time create_time;
  absl::Time update_time;
  double last_loss = 0;
  std::uint64_t state_hash = 0;
};

// CreateCheckpoint: the checkpoint of that step.
struct CheckpointAnswer {
  std::int64_t step = 0;
};

// DeleteModel, DeleteCheckpoint.
struct DeletionAnswer {};

// `method` tells apart answers of one type: "Step", "SetParameters", …
struct RememberedAnswer {
  AnsweredRequest request;
  absl::Time time;
  std::string method;
  std::variant<UpdateAnswer, ModelAnswer, CheckpointAnswer, DeletionAnswer> answer;
};

// Everything that a model is at one point of its journal.
struct ModelImage {
  ModelSettings settings;
  TrainerState state;
  double last_loss = 0;
  absl::Time update_time;
  History history;
  std::vector<SessionRecord> sessions;
  std::vector<RememberedAnswer> answers;  // oldest first
  // What counts the memory of the above, and goes with it.
  std::shared_ptr<const void> memory = nullptr;
};

struct CheckpointInfo {
  std::int64_t step = 0;
  absl::Time create_time;
  std::int64_t size_bytes = 0;
  std::uint64_t state_hash = 0;
};

struct LoadedCheckpoint {
  // Tells checkpoints apart over all of the store's life, as steps do not after a restore.
  std::int64_t id = 0;
  ModelImage image;
};

}  // namespace descent::store

#endif  // SERVER_STORE_RECORDS_H_
