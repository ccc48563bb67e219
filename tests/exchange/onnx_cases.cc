#include "tests/exchange/onnx_cases.h"

#include <cmath>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/activations/kinds.h"
#include "core/check.h"
#include "core/layers/kinds.h"
#include "core/losses/kinds.h"
#include "server/exchange/onnx/onnx_export.h"
#include "tests/support/parameters.h"
#include "tests/support/random_network.h"

namespace descent::exchange {
namespace {

LayerSpec Dense(std::int64_t units, const ActivationSpec& activation = TanhActivation{}) {
  return DenseSpec{.units = units, .activation = activation};
}

// Layers that have shown faults, or might: by name.
std::map<std::string, std::vector<LayerSpec>> Stacks() {
  return {
      {"one_unit", {Dense(1, HardSigmoidActivation{}), Dense(1)}},
      {"one_unit_without_bias",
       {DenseSpec{.units = 1, .activation = HardSwishActivation{}, .omit_bias = true}, Dense(1)}},
      {"no_bias",
       {DenseSpec{.units = 5, .activation = GeluActivation{}, .omit_bias = true},
        LayerNormSpec{.omit_bias = true}, Dense(2)}},
      {"norm_first", {LayerNormSpec{}, Dense(2)}},
      {"norm_alone", {LayerNormSpec{.epsilon = 1e-3}}},
      {"norm_of_one", {Dense(1), LayerNormSpec{.epsilon = 0.5}, Dense(2)}},
      {"norms", {Dense(4), LayerNormSpec{}, LayerNormSpec{}, Dense(2)}},
      {"dropout_alone", {DropoutSpec{0.2}}},
      {"dropouts", {DropoutSpec{0.2}, Dense(4), DropoutSpec{0.5}, DropoutSpec{0.1}, Dense(2)}},
      {"residual_first", {ResidualSpec{{Dense(3)}}, Dense(2)}},
      {"residual_last", {Dense(4), ResidualSpec{{Dense(5), Dense(4, ReluActivation{})}}}},
      {"residual_of_norm", {Dense(4), ResidualSpec{{LayerNormSpec{}}}, Dense(2)}},
      {"residual_of_dropout", {Dense(4), ResidualSpec{{DropoutSpec{0.1}}}, Dense(2)}},
      {"residual_of_one", {Dense(1), ResidualSpec{{Dense(1, SiluActivation{})}}, Dense(1)}},
      {"residuals_in_residuals",
       {Dense(4),
        ResidualSpec{{ResidualSpec{{ResidualSpec{{Dense(4)}}, LayerNormSpec{}}}, Dense(7),
                      DropoutSpec{0.1}, Dense(4, MishActivation{})}},
        ResidualSpec{{ResidualSpec{{Dense(4, EluActivation{})}}}}, Dense(2)}},
      {"deep", std::vector<LayerSpec>(40, Dense(3))},
  };
}

using Change = std::function<void(NetworkSpec*)>;

// Of a network of three numbers and two categorical inputs, by name.
std::map<std::string, Change> CategoryChanges() {
  const auto alone = [](std::size_t inputs) {
    return [inputs](NetworkSpec* n) {
      n->input_features = 0;
      n->categorical_inputs.resize(inputs);
    };
  };
  const auto begin_with = [](const LayerSpec& layer) {
    return [layer](NetworkSpec* n) { n->layers.insert(n->layers.begin(), layer); };
  };
  return {{"two", [](NetworkSpec*) {}},
          {"one", [](NetworkSpec* n) { n->categorical_inputs.resize(1); }},
          {"alone", alone(1)},
          {"two_alone", alone(2)},
          {"of_one_bucket",
           [](NetworkSpec* n) {
             n->input_features = 1;
             n->categorical_inputs[0].buckets = n->categorical_inputs[0].dimension = 1;
           }},
          {"names",
           [](NetworkSpec* n) {
             n->categorical_inputs[0].name = "input";
             n->categorical_inputs[1].name = "output";
           }},
          {"normalized", [](NetworkSpec* n) { n->input_normalization.emplace(); }},
          {"norm_first", begin_with(LayerNormSpec{})},
          {"residual_first", begin_with(ResidualSpec{{Dense(9)}})},
          {"dropout_first", begin_with(DropoutSpec{0.3})},
          {"dropout_alone", [](NetworkSpec* n) { n->layers = {DropoutSpec{0.3}}; }},
          {"dropout_of_a_table",
           [alone](NetworkSpec* n) {
             alone(1)(n);
             n->layers = {DropoutSpec{0.3}};
           }},
          {"classes", [](NetworkSpec* n) { n->loss = SoftmaxCrossEntropyLoss{}; }}};
}

}  // namespace

std::map<std::string, TrainedCase> OnnxCases() {
  std::map<std::string, TrainedCase> cases;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const auto add = [&](absl::string_view name, const std::function<void(NetworkSpec*)>& change) {
      TrainedCase changed;
      changed.network =
          testing::DenseNetwork(3, {9, 4, 2}, TanhActivation{}, MeanSquaredErrorLoss{}, type);
      changed.optimizer.learning_rate = 0.05;
      changed.optimizer.algorithm = SgdOptions{};
      change(&changed.network);
      cases.emplace(absl::StrCat(name, ".", DataTypeName(type)), std::move(changed));
    };
    for (const ActivationInfo& info : Activations()) {
      const std::string name = absl::StrCat("activation.", std::string(info.name));
      add(name, [&](NetworkSpec* n) { testing::DenseAt(*n, 0).activation = info.defaults; });
      add(name + ".last",
          [&](NetworkSpec* n) { testing::DenseAt(*n, 2).activation = info.defaults; });
      ActivationSpec other = testing::WithParameters(info.defaults, 0.3);
      if (testing::ParametersOf(&other).empty()) continue;
      add(name + ".0.3", [&](NetworkSpec* n) { testing::DenseAt(*n, 1).activation = other; });
    }
    for (const LayerInfo& info : Layers()) {
      add(absl::StrCat("layer.", std::string(info.name)), [&](NetworkSpec* n) {
        n->layers = {Dense(5), info.example, ResidualSpec{{info.example}}, Dense(2)};
      });
    }
    for (const LossInfo& info : Losses()) {
      add(absl::StrCat("loss.", std::string(info.name)),
          [&](NetworkSpec* n) { n->loss = info.defaults; });
      add(absl::StrCat("loss.", std::string(info.name), ".of_one"), [&](NetworkSpec* n) {
        n->loss = info.defaults;
        testing::DenseAt(*n, 2).units = 1;
      });
    }
    for (const auto& [name, layers] : Stacks()) {
      add(name, [&](NetworkSpec* n) { n->layers = layers; });
    }
    for (const auto& [name, change] : CategoryChanges()) {
      add(absl::StrCat("categories.", name), [&](NetworkSpec* n) {
        *n = NetworkWithCategories(type);
        change(n);
      });
    }
    for (const auto& [name, normalization] : std::map<std::string, InputNormalizationSpec>{
             {"normalized", {}},
             {"normalized.half_life", {.half_life_rows = 10}},
             {"normalized.frozen", {.epsilon = 0.1, .freeze_after_rows = 9}}}) {
      add(name, [&](NetworkSpec* n) { n->input_normalization = normalization; });
      add(name + ".one_feature", [&](NetworkSpec* n) {
        n->input_features = 1;
        n->input_normalization = normalization;
      });
      add(name + ".norm", [&](NetworkSpec* n) {
        n->layers.insert(n->layers.begin(), LayerNormSpec{});
        n->input_normalization = normalization;
      });
    }
  }
  return cases;
}

Batch OnnxBatchFor(const NetworkSpec& network, std::uint64_t seed) {
  Batch batch = BatchFor(network, seed);
  if (auto* const targets = std::get_if<Matrix>(&batch.targets)) {
    for (std::int64_t i = 0; i < targets->size(); ++i) {
      targets->buffer().Set(i, std::abs(targets->buffer().At(i)));
    }
  }
  return batch;
}

std::unique_ptr<Trainer> TrainedOn(const TrainedCase& of, int updates) {
  std::unique_ptr<Trainer> trainer = Trained(of, 0);
  for (int i = 0; i < updates; ++i) {
    DESCENT_CHECK(trainer->Step(OnnxBatchFor(of.network, static_cast<std::uint64_t>(i))).ok());
  }
  return trainer;
}

std::string OnnxOf(const Trainer& trainer, const FileMetadata& metadata) {
  const TrainerState state = trainer.GetState();
  absl::StatusOr<std::string> file = WriteOnnx({.network = trainer.network(),
                                                .optimizer = trainer.optimizer_spec(),
                                                .state = state,
                                                .metadata = metadata});
  DESCENT_CHECK(file.ok());
  return *std::move(file);
}

Matrix PredictionsOf(const Trainer& trainer, const Matrix& inputs, const Categories& categories) {
  const Network& network = trainer.network();
  const Snapshot snapshot = trainer.snapshot();
  Workspace workspace;
  network.Forward(snapshot.parameters(), inputs,
                  {.statistics = snapshot.statistics().get(), .categories = &categories},
                  &workspace);
  Matrix outputs = workspace.outputs().Clone();
  WithElementType(outputs.type(), [&](auto zero) {
    network.loss().ToTargetTerms(outputs.data<decltype(zero)>(), outputs.rows(), outputs.cols());
  });
  return outputs;
}

}  // namespace descent::exchange
