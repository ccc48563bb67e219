#include "tests/crash/script.h"

#include <initializer_list>
#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/random_network.h"

namespace descent::crash {
namespace {

using models::Durability;

NetworkSpec SmallNetwork() {
  return testing::DenseNetwork(/*inputs=*/3, {4, 1}, TanhActivation{}, MeanSquaredErrorLoss{},
                               DataType::kFloat32);
}

// With every kind of layer, statistics of inputs to be kept, and tables.
NetworkSpec EveryKindOfLayer() {
  NetworkSpec network = SmallNetwork();
  network.layers.insert(
      network.layers.begin() + 1,
      {DropoutSpec{.rate = 0.3}, ResidualSpec{{LayerNormSpec{}, DenseSpec{.units = 4}}}});
  network.input_normalization = InputNormalizationSpec{.half_life_rows = 20};
  network.categorical_inputs = {
      {.name = "shop", .buckets = 40, .dimension = 3},
      {.name = "tags", .buckets = 7, .dimension = 2, .combiner = Combiner::kMean}};
  return network;
}

// Writes one model's script.
class ScriptWriter {
 public:
  ScriptWriter(const std::string& name, const OptimizerSpec& optimizer, Durability durability,
               const NetworkSpec& network = SmallNetwork()) {
    script_.settings.name = name;
    script_.settings.network = network;
    script_.settings.optimizer = optimizer;
    script_.settings.durability = durability;
    Add(ActionKind::kCreate);
  }

  ScriptWriter& Steps(int count) {
    for (int i = 0; i < count; ++i) AddUpdate(ActionKind::kStep);
    return *this;
  }
  ScriptWriter& StepAt(double learning_rate) {
    AddUpdate(ActionKind::kStep).learning_rate = learning_rate;
    return *this;
  }
  ScriptWriter& Gradients() {
    AddUpdate(ActionKind::kGradients);
    return *this;
  }
  ScriptWriter& SetParameters() {
    AddUpdate(ActionKind::kSetParameters);
    return *this;
  }
  // One batch of each session, in turn.
  ScriptWriter& Batches(int turns, std::initializer_list<std::string> sessions) {
    for (int i = 0; i < turns; ++i) {
      for (const std::string& session : sessions) {
        Action& batch = AddUpdate(ActionKind::kBatch);
        batch.request_id.clear();
        batch.session = session;
        batch.sequence = ++sequences_[session];
        if (batch.sequence % 4 == 0) batch.learning_rate = 0.02;
      }
    }
    return *this;
  }
  ScriptWriter& SetLearningRate(double rate) {
    Add(ActionKind::kUpdateModel).learning_rate = rate;
    return *this;
  }
  ScriptWriter& SetDurability(Durability durability) {
    Add(ActionKind::kUpdateModel).durability = durability;
    return *this;
  }
  ScriptWriter& CreateCheckpoint() {
    Add(ActionKind::kCreateCheckpoint);
    checkpoints_[step_] = sequences_;
    return *this;
  }
  ScriptWriter& Restore(std::int64_t step) {
    Add(ActionKind::kRestoreCheckpoint).checkpoint = step;
    step_ = step;
    sequences_ = checkpoints_.at(step);
    return *this;
  }
  ScriptWriter& DeleteCheckpoint(std::int64_t step) {
    Add(ActionKind::kDeleteCheckpoint).checkpoint = step;
    return *this;
  }
  ScriptWriter& Delete() {
    Add(ActionKind::kDelete);
    return *this;
  }
  ScriptWriter& CreateAgain() {
    Add(ActionKind::kCreate);
    step_ = 0;
    return *this;
  }

  ModelScript Finish() { return std::move(script_); }

 private:
  Action& Add(ActionKind kind) {
    const std::size_t number = script_.actions.size();
    Action& action = script_.actions.emplace_back();
    action.kind = kind;
    action.request_id = absl::StrCat(script_.settings.name, "-", number);
    action.seed = std::hash<std::string>()(action.request_id);
    return action;
  }
  Action& AddUpdate(ActionKind kind) {
    ++step_;
    return Add(kind);
  }

  ModelScript script_;
  std::int64_t step_ = 0;
  std::map<std::string, std::int64_t> sequences_;
  std::map<std::int64_t, std::map<std::string, std::int64_t>> checkpoints_;
};

OptimizerSpec Sgd() {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.05;
  optimizer.algorithm = SgdOptions{.momentum = 0.9};
  return optimizer;
}

OptimizerSpec AdamWithSchedule() {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.01;
  optimizer.algorithm = AdamOptions{};
  optimizer.schedule.warmup_steps = 3;
  optimizer.schedule.decay = CosineSchedule{.period = 7, .period_multiplier = 2};
  optimizer.clip_norm = 1.0;
  return optimizer;
}

}  // namespace

bool IsBarrier(const Action& action) {
  switch (action.kind) {
    case ActionKind::kCreate:
    case ActionKind::kCreateCheckpoint:
    case ActionKind::kRestoreCheckpoint:
    case ActionKind::kDeleteCheckpoint:
    case ActionKind::kDelete:
      return true;
    case ActionKind::kUpdateModel:
      return action.durability.has_value();
    default:
      return false;
  }
}

Script MakeScript() {
  Script script;
  script.push_back(ScriptWriter("sessions", Sgd(), Durability::kJournal)
                       .Batches(4, {"a", "b"})
                       .Steps(2)
                       .Batches(3, {"b", "a"})
                       .StepAt(0.2)
                       .Batches(3, {"a"})
                       .Batches(2, {"a", "b"})
                       .Finish());
  script.push_back(
      ScriptWriter("adam", AdamWithSchedule(), Durability::kJournal, EveryKindOfLayer())
          .Steps(3)
          .Batches(2, {"c"})
          .CreateCheckpoint()  // at 5
          .Gradients()
          .SetLearningRate(0.02)
          .Steps(3)
          .Batches(2, {"c"})
          .Restore(5)
          .Batches(1, {"c"})
          .Steps(2)
          .SetParameters()
          .CreateCheckpoint()  // at 9
          .DeleteCheckpoint(5)
          .Steps(3)
          .Finish());
  script.push_back(
      ScriptWriter("checkpointed", AdamWithSchedule(), Durability::kCheckpoint, EveryKindOfLayer())
          .Steps(3)
          .Batches(3, {"d"})
          .CreateCheckpoint()
          .Batches(3, {"d"})
          .Steps(2)
          .SetDurability(Durability::kJournal)
          .Steps(3)
          .SetDurability(Durability::kCheckpoint)
          .Steps(3)
          .Finish());
  script.push_back(ScriptWriter("memory", Sgd(), Durability::kMemory)
                       .Steps(3)
                       .SetDurability(Durability::kJournal)
                       .Steps(4)
                       .SetParameters()
                       .SetDurability(Durability::kMemory)
                       .Steps(2)
                       .Finish());
  script.push_back(ScriptWriter("twice", AdamWithSchedule(), Durability::kJournal)
                       .Steps(3)
                       .Delete()
                       .CreateAgain()
                       .Steps(4)
                       .Delete()
                       .Finish());
  return script;
}

Batch BatchOf(const Network& network, std::uint64_t seed) {
  return testing::RandomBatch(network.spec(), /*rows=*/2, seed);
}

Buffer LaidOut(const Network& network, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-0.5, 0.5);
  Buffer buffer;
  buffer.Resize(network.spec().data_type, network.layout().size());
  for (const ParameterInfo& parameter : network.layout().parameters()) {
    for (std::int64_t i = 0; i < parameter.size; ++i) {
      buffer.Set(parameter.offset + i, uniform(random));
    }
  }
  return buffer;
}

models::GradientUpdate GradientsOf(const Network& network, std::uint64_t seed) {
  const std::int64_t size = network.layout().dense_size();
  models::GradientUpdate update;
  update.gradients.Resize(network.data_type(), size);
  const Buffer all = LaidOut(network, seed);
  for (std::int64_t i = 0; i < size; ++i) update.gradients.Set(i, all.At(i));
  for (const PlacedTable& table : network.tables()) {
    update.tables.rows.push_back(
        {static_cast<std::int32_t>(seed % 3), static_cast<std::int32_t>(table.buckets - 1)});
  }
  const std::int64_t values = TableGradients::CountValues(network.tables(), update.tables.rows);
  if (values > 0) {
    update.tables.values =
        testing::RandomMatrix(network.data_type(), values, 1, seed).buffer().Clone();
  }
  return update;
}

}  // namespace descent::crash
