// Commands and their outcomes: what the services ask of the models, without gRPC or protobuf.
//
// A command is built by the wire (or by a test) from validated parts: tensors are in the network's
// data type and shape, every value finite. Commands that change a model carry a request id and a
// fingerprint of everything else they ask for.

#ifndef SERVER_MODELS_COMMANDS_H_
#define SERVER_MODELS_COMMANDS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/batch.h"
#include "core/buffer.h"
#include "core/network.h"
#include "core/snapshot.h"
#include "core/spec.h"
#include "core/trainer.h"
#include "server/store/model_settings.h"
#include "server/store/records.h"

namespace descent::models {

using store::CheckpointInfo;
using store::Durability;
using store::HistoryPoint;
using store::ModelSettings;

// Who waits for a command, and how long.
struct CallContext {
  absl::Time deadline = absl::InfiniteFuture();
  // Set to true when the caller has gone; null: never.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  // Tells callers apart, who take turns; 0: one of those that nobody tells apart.
  std::uint64_t caller = 0;

  // Where it is written, once, when work on the call begins: nanoseconds of SteadyNow since the
  // epoch, 0 before. Lives as long as `cancelled`; null: nobody asks.
  std::atomic<std::int64_t>* begun = nullptr;

  bool IsCancelled() const {
    return cancelled != nullptr && cancelled->load(std::memory_order_relaxed);
  }
};

// Identifies a repeat. An empty id: the command is not protected from repeats.
struct RequestKey {
  std::string id;
  std::uint64_t fingerprint = 0;  // of the payload without the id
};

struct ModelInfo {
  ModelSettings settings;
  std::int64_t step = 0;
  std::int64_t durable_step = 0;
  std::int64_t parameter_count = 0;
  absl::Time create_time;
  absl::Time update_time;
  double last_loss = 0;
  std::uint64_t state_hash = 0;
};

struct CreateModelCommand {
  ModelSettings settings;
  RequestKey request;
};

struct DeleteModelCommand {
  std::string name;
  RequestKey request;
};

struct DeleteModelOutcome {};

// Only what is set changes.
struct UpdateModelCommand {
  std::optional<OptimizerSpec> optimizer;
  std::optional<Durability> durability;
  std::optional<std::map<std::string, std::string>> labels;
  std::optional<store::SharedText> client_data;
  RequestKey request;
};

struct ListModelsCommand {
  int page_size = 0;  // 0: the server's choice
  std::string page_token;
};

struct ListModelsOutcome {
  std::vector<ModelInfo> models;  // by name; without state_hash
  std::string next_page_token;
};

struct GetParametersOutcome {
  std::int64_t step = 0;
  std::vector<int> parameters;  // indices into the layout, in the order asked for
  Snapshot snapshot;            // all parameters, laid out
};

struct SetParametersCommand {
  std::vector<int> parameters;  // indices into the layout that `values` replaces
  Buffer values;                // laid out; elements of other parameters are ignored
  RequestKey request;
  std::optional<std::int64_t> expected_step;
  bool keep_optimizer_state = false;
};

struct SetParametersOutcome {
  std::int64_t step = 0;
};

struct CreateCheckpointCommand {
  RequestKey request;
};

struct CheckpointOutcome {
  CheckpointInfo checkpoint;
};

struct ListCheckpointsCommand {
  int page_size = 0;  // 0: the server's choice
  std::string page_token;
};

struct ListCheckpointsOutcome {
  std::vector<CheckpointInfo> checkpoints;  // newest first
  std::string next_page_token;
};

struct ListHistoryCommand {
  std::int64_t after_step = 0;
  int page_size = 0;  // 0: the server's choice
  std::string page_token;
};

struct ListHistoryOutcome {
  std::vector<HistoryPoint> points;  // in the order of their steps
  LossSpec loss;                     // the model's, which says what the points' measures are
  std::string next_page_token;
};

struct RestoreCheckpointCommand {
  std::int64_t step = 0;
  RequestKey request;
  std::optional<std::int64_t> expected_step;
};

struct DeleteCheckpointCommand {
  std::int64_t step = 0;
  RequestKey request;
};

struct DeleteCheckpointOutcome {};

struct ExportModelCommand {
  bool include_optimizer = false;
};

// A model at one moment, which no crash takes back.
struct ExportModelOutcome {
  ModelInfo info;
  std::shared_ptr<const Network> network;
  TrainerState state;  // slots and scalars are empty unless the optimizer is included
  // What counts the memory of the above, and goes with it.
  std::shared_ptr<const void> memory;
};

// A model that is somewhere else, as a CreateModelCommand has one that begins.
struct ImportModelCommand {
  ModelSettings settings;
  TrainerState state;  // whole, and as the settings' network and optimizer have it
  double last_loss = 0;
};

struct PredictCommand {
  Matrix inputs;
  Categories categories;
  bool raw_outputs = false;
};

struct PredictOutcome {
  std::int64_t step = 0;
  Matrix outputs;
};

struct ForwardCommand {
  Matrix inputs;
  Categories categories;
};

struct ForwardOutcome {
  std::int64_t step = 0;
  std::vector<Matrix> pre_activations;  // one a layer; empty where the kind has none
  std::vector<Matrix> activations;      // one a layer; the last is w
};

struct GradientCommand {
  Matrix inputs;
  Categories categories;
  std::variant<Targets, Matrix> cotangent;  // targets, or the output gradient [rows, outputs]
  Matrix weights;                           // empty: none; only with targets
  bool input_gradient = false;
  std::vector<int> parameters;  // indices into the layout; empty: all
  bool norms_only = false;      // each gradient is its 2-norm, a scalar
  bool training = false;        // as an update's pass at this step
};

struct GradientOutcome {
  std::int64_t step = 0;
  double loss = 0;
  double gradient_norm = 0;     // over all parameters
  std::vector<int> parameters;  // indices into the layout, in the order asked for
  Buffer gradients;             // laid out but for tables; empty when norms_only
  TableGradients tables;        // of all tables; empty when norms_only
  std::vector<double> norms;    // of each of `parameters`; only when norms_only
  Matrix input_gradient;        // empty unless asked for
};

// Gradients computed at `base_step` by somebody else.
struct GradientUpdate {
  std::int64_t base_step = 0;
  std::optional<std::int64_t> max_staleness;
  Buffer gradients;       // laid out, all parameters but tables
  TableGradients tables;  // of networks with categorical inputs
};

struct StepCommand {
  std::variant<Batch, GradientUpdate> update;
  RequestKey request;
  std::optional<std::int64_t> expected_step;
  std::optional<double> learning_rate;
};

struct StepOutcome {
  std::int64_t step = 0;
  double loss = 0;
  double gradient_norm = 0;
  double learning_rate = 0;
  std::int64_t durable_step = 0;
  bool replayed = false;
};

// One message of a training session.
struct TrainBatchCommand {
  std::int64_t sequence = 0;
  Batch batch;
  std::optional<double> learning_rate;
};

struct TrainStart {
  std::string session_id;
  std::optional<std::int64_t> expected_step;
  int ack_every = 0;
};

struct TrainReady {
  std::int64_t next_sequence = 1;
  std::int64_t step = 0;
  int window = 0;
};

struct TrainAck {
  std::int64_t sequence = 0;
  std::int64_t step = 0;
  double loss = 0;  // over the batches since the last ack, weighted by rows
  double gradient_norm = 0;
  double learning_rate = 0;
  std::int64_t durable_sequence = 0;
  std::int64_t rows = 0;
};

struct EvaluateOutcome {
  std::int64_t step = 0;
  std::int64_t rows = 0;
  double loss = 0;
  std::map<std::string, double> metrics;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_COMMANDS_H_
