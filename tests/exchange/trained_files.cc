#include "tests/exchange/trained_files.h"

#include <functional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/layers/kinds.h"
#include "core/optimizers/kinds.h"
#include "core/snapshot.h"
#include "server/exchange/metadata_keys.h"
#include "server/exchange/safetensors/reader.h"
#include "server/exchange/safetensors/writer.h"
#include "server/exchange/state_hash.h"
#include "tests/support/random_categories.h"
#include "tests/support/random_network.h"

namespace descent::exchange {
namespace {

constexpr std::int64_t kRows = 7;

// What changes an optimizer's slots beside its kind.
std::map<std::string, OptimizerOptions> MoreOptimizers() {
  return {
      {"sgd_momentum", SgdOptions{.momentum = 0.9, .nesterov = true}},
      {"adam_amsgrad", AdamOptions{.amsgrad = true}},
      {"adamw_amsgrad", AdamWOptions{.amsgrad = true}},
      {"rmsprop_centered", RmsPropOptions{.momentum = 0.5, .centered = true}},
      {"adagrad_accumulated", AdagradOptions{.initial_accumulator_value = 0.5}},
  };
}

// Tables with every kind of optimizer's slots, and by names that others have too.
void AddCategories(DataType type, std::map<std::string, TrainedCase>* cases) {
  const auto add = [&](const std::string& name, const std::function<void(TrainedCase*)>& change) {
    TrainedCase changed;
    changed.network = NetworkWithCategories(type);
    changed.optimizer.learning_rate = 0.01;
    changed.optimizer.algorithm = AdamOptions{};
    change(&changed);
    cases->emplace(absl::StrCat("tables.", name, ".", DataTypeName(type)), std::move(changed));
  };
  for (const OptimizerInfo& info : Optimizers()) {
    add(std::string(info.name), [&](TrainedCase* c) { c->optimizer.algorithm = info.defaults; });
  }
  for (const auto& [name, options] : MoreOptimizers()) {
    add(name, [&](TrainedCase* c) { c->optimizer.algorithm = options; });
  }
  add("names", [](TrainedCase* c) {
    c->network.categorical_inputs[0].name = "weight";
    c->network.categorical_inputs[1].name = "bias";
  });
  add("hashed", [](TrainedCase* c) { c->network.categorical_inputs[0].hashing = Hashing::kXxh64; });
  add("alone", [](TrainedCase* c) { c->network.input_features = 0; });
  add("normalized", [](TrainedCase* c) { c->network.input_normalization.emplace(); });
}

}  // namespace

std::map<std::string, TrainedCase> TrainedCases() {
  std::map<std::string, TrainedCase> cases;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const auto add = [&](const std::string& name, const std::function<void(TrainedCase*)>& change) {
      TrainedCase changed;
      changed.network =
          testing::DenseNetwork(3, {9, 4, 2}, TanhActivation{}, MeanSquaredErrorLoss{}, type);
      changed.optimizer.learning_rate = 0.01;
      changed.optimizer.algorithm = AdamOptions{};
      change(&changed);
      cases.emplace(absl::StrCat(name, ".", DataTypeName(type)), std::move(changed));
    };
    for (const OptimizerInfo& info : Optimizers()) {
      add(absl::StrCat("optimizer.", std::string(info.name)),
          [&](TrainedCase* c) { c->optimizer.algorithm = info.defaults; });
    }
    for (const auto& [name, options] : MoreOptimizers()) {
      add("optimizer." + name, [&](TrainedCase* c) { c->optimizer.algorithm = options; });
    }
    for (const LayerInfo& info : Layers()) {
      add(absl::StrCat("layer.", std::string(info.name)), [&](TrainedCase* c) {
        c->network.layers.insert(
            c->network.layers.begin() + 2,
            {DenseSpec{.units = 5}, info.example, ResidualSpec{{info.example}}});
      });
    }
    add("no_bias", [](TrainedCase* c) {
      testing::DenseAt(c->network, 0).omit_bias = true;
      c->network.layers.insert(c->network.layers.begin() + 1, LayerNormSpec{.omit_bias = true});
    });
    add("normalized", [](TrainedCase* c) { c->network.input_normalization.emplace(); });
    add("normalized_half_life", [](TrainedCase* c) {
      c->network.input_normalization = InputNormalizationSpec{.half_life_rows = 10};
    });
    AddCategories(type, &cases);
  }
  return cases;
}

NetworkSpec NetworkWithCategories(DataType type) {
  NetworkSpec network =
      testing::DenseNetwork(3, {9, 4, 2}, TanhActivation{}, MeanSquaredErrorLoss{}, type);
  network.categorical_inputs = {
      {.name = "user", .buckets = 7, .dimension = 4},
      {.name = "item", .buckets = 5, .dimension = 2, .combiner = Combiner::kMean}};
  return network;
}

Categories OneCategoryARow(const NetworkSpec& network, std::int64_t rows, std::uint64_t seed) {
  Categories categories;
  for (const CategoricalInputSpec& input : network.categorical_inputs) {
    categories.push_back(testing::RandomCategoryValues(
        input, network.data_type, rows, testing::CategoryForm::kOneARow, seed + categories.size()));
  }
  return categories;
}

Batch BatchFor(const NetworkSpec& network, std::uint64_t seed) {
  return testing::RandomBatch(network, kRows, seed);
}

std::unique_ptr<Trainer> Trained(const TrainedCase& of, int updates) {
  auto trainer = Trainer::Create(testing::MakeNetwork(of.network), of.optimizer, nullptr);
  DESCENT_CHECK(trainer.ok());
  for (int i = 0; i < updates; ++i) {
    DESCENT_CHECK((*trainer)->Step(BatchFor(of.network, static_cast<std::uint64_t>(i))).ok());
  }
  return *std::move(trainer);
}

std::string SafetensorsOf(const Trainer& trainer, bool with_optimizer, const FileMetadata& more) {
  const TrainerState state = trainer.GetState();
  const auto optimizer = MakeOptimizer(trainer.optimizer_spec().algorithm);
  DESCENT_CHECK(optimizer.ok());
  const OptimizerStateView view{
      .slots = state.slots, .scalars = state.scalars, .updates = state.optimizer_updates};
  FileMetadata metadata = more;
  metadata[kStepKey] = absl::StrCat(state.step);
  metadata[kStateHashKey] = StateHashText(
      ImportedStateHash(state.parameters.parameters(), state.parameters.statistics().get(),
                        **optimizer, with_optimizer ? &view : nullptr));
  if (with_optimizer) metadata[kOptimizerUpdatesKey] = absl::StrCat(state.optimizer_updates);
  SafetensorsWriter writer({.network = trainer.network(),
                            .optimizer = trainer.optimizer_spec(),
                            .state = state,
                            .metadata = std::move(metadata)},
                           with_optimizer);
  std::string file;
  for (std::string piece = writer.Next(100); !piece.empty(); piece = writer.Next(100)) {
    DESCENT_CHECK(piece.size() <= 100);
    file += piece;
  }
  DESCENT_CHECK(static_cast<std::int64_t>(file.size()) == writer.size_bytes());
  return file;
}

absl::StatusOr<ImportedModel> ReadSafetensors(const std::string& file, const NetworkSpec& network,
                                              const OptimizerSpec& optimizer,
                                              bool other_optimizer) {
  // In pieces whose ends are no elements' ends.
  absl::Cord cord;
  for (std::size_t i = 0; i < file.size(); i += 1001) cord.Append(file.substr(i, 1001));
  absl::StatusOr<SafetensorsFile> opened = SafetensorsFile::Open(std::move(cord));
  if (!opened.ok()) return opened.status();
  return (*std::move(opened)).Read(*testing::MakeNetwork(network), optimizer, other_optimizer);
}

std::unique_ptr<Trainer> TrainerOf(ImportedModel model, const OptimizerSpec& optimizer) {
  auto trainer = Trainer::Create(testing::MakeNetwork(model.network), optimizer, nullptr);
  DESCENT_CHECK(trainer.ok());
  TrainerState state = (*trainer)->GetState();
  state.step = model.step;
  state.parameters =
      SnapshotPool(model.parameters.type(), model.parameters.size()).Acquire(model.step);
  *SnapshotPool::mutable_parameters(state.parameters) = std::move(model.parameters);
  SnapshotPool::SetStatistics(state.parameters, model.statistics);
  if (model.optimizer_state.has_value()) {
    state.optimizer_updates = model.optimizer_state->updates;
    state.slots = std::move(model.optimizer_state->slots);
    state.scalars = std::move(model.optimizer_state->scalars);
  }
  DESCENT_CHECK((*trainer)->SetState(std::move(state)).ok());
  return *std::move(trainer);
}

}  // namespace descent::exchange
