// Every kind of layer in every place: its gradient against central differences, in predictions'
// passes and in training's, with inputs normalised and as they come; and each kind's definition.

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "core/layers/kinds.h"
#include "core/network.h"
#include "core/philox.h"
#include "core/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gradient_point.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using ::testing::Combine;
using ::testing::ElementsAre;
using testing::ExpectGradients;
using testing::FailsAt;
using testing::GradientPoint;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::MakeNetwork;
using testing::MakePoint;
using testing::RandomMatrix;
using testing::TargetForm;
using ::testing::ValuesIn;

constexpr std::int64_t kWidth = 5;

LayerSpec Dense(std::int64_t units, const ActivationSpec& activation = TanhActivation{}) {
  return DenseSpec{.units = units, .activation = activation};
}

// Where a layer that keeps a width of 5 may stand; the input has 5 features.
struct Place {
  const char* name;
  std::vector<LayerSpec> (*around)(const LayerSpec& layer);
};

const Place kPlaces[] = {
    {"Alone", [](const LayerSpec& layer) { return std::vector{layer}; }},
    {"First",
     [](const LayerSpec& layer) {
       return std::vector{layer, Dense(3)};
     }},
    {"Last",
     [](const LayerSpec& layer) {
       return std::vector{Dense(5), layer};
     }},
    // Below it a derivative that needs z, and the rectifier's, which the product may finish.
    {"AfterGelu",
     [](const LayerSpec& layer) {
       return std::vector{Dense(5, GeluActivation{}), layer, Dense(3)};
     }},
    {"AfterRelu",
     [](const LayerSpec& layer) {
       return std::vector{Dense(5, ReluActivation{}), layer, Dense(3)};
     }},
    {"AfterItself",
     [](const LayerSpec& layer) {
       return std::vector{layer, layer, Dense(3)};
     }},
    {"InResidual",
     [](const LayerSpec& layer) {
       return std::vector<LayerSpec>{Dense(5), ResidualSpec{{layer}}, Dense(3)};
     }},
    {"FirstInResidualAfterRelu",
     [](const LayerSpec& layer) {
       return std::vector<LayerSpec>{Dense(5, ReluActivation{}), ResidualSpec{{layer, Dense(5)}},
                                     Dense(3)};
     }},
    {"LastInResidual",
     [](const LayerSpec& layer) {
       return std::vector<LayerSpec>{ResidualSpec{{Dense(4), Dense(5), layer}}};
     }},
    {"NestedFirst",
     [](const LayerSpec& layer) {
       return std::vector<LayerSpec>{ResidualSpec{{ResidualSpec{{layer, Dense(5)}}, Dense(5)}},
                                     Dense(3)};
     }},
    {"NestedLast",
     [](const LayerSpec& layer) {
       return std::vector<LayerSpec>{Dense(5),
                                     ResidualSpec{{Dense(5), ResidualSpec{{Dense(5), layer}}}}};
     }},
};

using Kinds = std::tuple<LayerInfo, Place>;

class LayerGradientTest : public ::testing::TestWithParam<Kinds> {};

TEST_P(LayerGradientTest, AgreesWithCentralDifferences) {
  const auto& [info, place] = GetParam();
  for (const bool normalize : {false, true}) {
    for (const bool training : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "normalize " << normalize << " training " << training);
      NetworkSpec spec;
      spec.input_features = kWidth;
      spec.data_type = DataType::kFloat64;
      spec.loss = HalfSquaredErrorLoss{};
      spec.layers = place.around(info.example);
      if (normalize) spec.input_normalization.emplace();
      GradientPoint point = MakePoint(spec, TargetForm::kValues, /*weighted=*/training);
      InputStatistics statistics(kWidth);
      statistics.Merge({}, RandomMatrix(DataType::kFloat64, 9, kWidth, 5, -1, 2));
      point.options.statistics = &statistics;
      if (training) point.options.training_step = 3;
      Buffer gradients;
      Matrix input_gradient;
      point.Loss();
      point.network->Backward(point.parameters, point.batch.inputs, nullptr, &point.workspace,
                              &gradients, &input_gradient);
      // A stencil may cross a kink now and then of networks whose z the statistics have moved.
      ExpectGradients(&point, gradients, input_gradient, [&] { return point.Loss(); });
    }
  }
}

std::vector<LayerInfo> AllLayers() { return {Layers().begin(), Layers().end()}; }

INSTANTIATE_TEST_SUITE_P(Kinds, LayerGradientTest,
                         Combine(ValuesIn(AllLayers()), ValuesIn(kPlaces)), [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "_" +
                                  std::get<1>(test.param).name;
                         });

NetworkSpec SpecOf(std::vector<LayerSpec> layers, DataType type = DataType::kFloat64) {
  NetworkSpec spec;
  spec.input_features = kWidth;
  spec.data_type = type;
  spec.seed = 11;
  spec.layers = std::move(layers);
  return spec;
}

TEST(LayersTest, AreRunWithThoseOfALayerBeforeIt) {
  const auto network = MakeNetwork(SpecOf(
      {Dense(5), ResidualSpec{{LayerNormSpec{}, ResidualSpec{{Dense(5)}}}}, DropoutSpec{0.5}}));
  std::vector<std::string> names;
  for (const PlacedLayer& layer : network->layers()) names.push_back(layer.name);
  EXPECT_THAT(names, ElementsAre("layers.0", "layers.1.layers.0", "layers.1.layers.1.layers.0",
                                 "layers.1.layers.1", "layers.1", "layers.2"));
  std::vector<std::string> parameters;
  for (const ParameterInfo& info : network->layout().parameters()) parameters.push_back(info.name);
  EXPECT_THAT(parameters, ElementsAre("layers.0.kernel", "layers.0.bias", "layers.1.layers.0.gain",
                                      "layers.1.layers.0.bias", "layers.1.layers.1.layers.0.kernel",
                                      "layers.1.layers.1.layers.0.bias"));
}

struct BadSpec {
  const char* name;
  std::vector<LayerSpec> layers;
  const char* field;
  const char* message;
};

std::vector<LayerSpec> Nested(int depth) {
  std::vector<LayerSpec> layers = {Dense(5)};
  for (int i = 0; i < depth; ++i) layers = {ResidualSpec{std::move(layers)}};
  return layers;
}

const BadSpec kBadSpecs[] = {
    {"NoLayers", {}, "layers", "expected at least one layer"},
    {"NoUnits", {Dense(5), Dense(0)}, "layers[1].dense.units", "expected at least 1, got 0"},
    {"TooManyUnits", {Dense(std::int64_t{1} << 41)}, "layers[0].dense.units", "expected at most"},
    {"TooManyParameters",
     {Dense(std::int64_t{1} << 30), Dense(std::int64_t{1} << 30)},
     "layers[1].dense.units",
     "more than 1099511627776 parameters"},
    {"RateOfOne", {DropoutSpec{1}}, "layers[0].dropout.rate", "expected a number in [0, 1), got 1"},
    {"NegativeRate", {DropoutSpec{-0.1}}, "layers[0].dropout.rate", "got -0.1"},
    {"RateOfNothing", {DropoutSpec{std::nan("")}}, "layers[0].dropout.rate", "got nan"},
    {"NoEpsilon", {LayerNormSpec{.epsilon = 0}}, "layers[0].layer_norm.epsilon", "> 0, got 0"},
    {"EmptyResidual", {ResidualSpec{}}, "layers[0].residual.layers", "expected at least one layer"},
    {"OtherWidth",
     {Dense(4), ResidualSpec{{Dense(3)}}},
     "layers[1].residual.layers",
     "expected the last to have the 4 units of what is added to it, got 3"},
    {"WithinAResidual",
     {ResidualSpec{{Dense(5), ResidualSpec{{Dense(-1)}}}}},
     "layers[0].residual.layers[1].residual.layers[0].dense.units",
     "got -1"},
    {"TooDeep", Nested(17), "", "nested at most 16 deep"},
};

class BadLayersTest : public ::testing::TestWithParam<BadSpec> {};

TEST_P(BadLayersTest, NamesTheField) {
  const auto network = Network::Create(SpecOf(GetParam().layers));
  ASSERT_FALSE(network.ok());
  if (*GetParam().field != '\0') {
    EXPECT_THAT(network.status(), FailsAt(GetParam().field, "INVALID_FIELD"));
  }
  EXPECT_THAT(std::string(network.status().message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Specs, BadLayersTest, ValuesIn(kBadSpecs),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(LayersTest, MayBeNestedSixteenDeep) {
  EXPECT_THAT(Network::Create(SpecOf(Nested(16))), IsOk());
}

TEST(LayerNormTest, BeginsWithGainsOfOneAndBiasesOfZero) {
  const auto network = MakeNetwork(SpecOf({LayerNormSpec{}}));
  const Buffer parameters = network->InitialParameters();
  for (std::int64_t i = 0; i < kWidth; ++i) {
    EXPECT_EQ(parameters.At(network->layout().OffsetOf("layers.0.gain") + i), 1);
    EXPECT_EQ(parameters.At(network->layout().OffsetOf("layers.0.bias") + i), 0);
  }
}

TEST(LayerNormTest, RowsHaveMeanZeroAndVarianceOne) {
  const auto network = MakeNetwork(SpecOf({LayerNormSpec{}}));
  const Matrix inputs = RandomMatrix(DataType::kFloat64, 7, kWidth, 3, 10, 30);
  Workspace workspace;
  network->Forward(network->InitialParameters(), inputs, {}, &workspace);
  for (std::int64_t i = 0; i < 7; ++i) {
    double sum = 0;
    double squares = 0;
    for (std::int64_t j = 0; j < kWidth; ++j) {
      sum += workspace.outputs().At(i, j);
      squares += workspace.outputs().At(i, j) * workspace.outputs().At(i, j);
    }
    EXPECT_NEAR(sum, 0, 1e-12);
    EXPECT_NEAR(squares / kWidth, 1, 1e-5);
  }
}

TEST(DropoutTest, OnlyTrainingPassesDrop) {
  const auto network = MakeNetwork(SpecOf({DropoutSpec{0.5}}));
  const Matrix inputs = RandomMatrix(DataType::kFloat64, 4, kWidth, 3);
  const Buffer parameters = network->InitialParameters();
  Workspace workspace;
  network->Forward(parameters, inputs, {}, &workspace);
  for (std::int64_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(workspace.outputs().buffer().At(i), inputs.buffer().At(i));
  }
}

// core/layers/dropout.h, written out.
bool IsKept(std::uint32_t seed, std::uint32_t place, std::uint32_t step, std::uint32_t row,
            std::uint32_t column, double rate) {
  const PhiloxBlock key = Philox4x32({step, 0, place, 0x64726f70}, {seed, 0});
  const std::uint32_t block = 16 * (column / 64) + column % 16;
  const PhiloxBlock words = Philox4x32({block, row, 0, 0}, {key[0], key[1]});
  return static_cast<double>(words[column % 64 / 16]) >= std::round(rate * 0x1p32);
}

TEST(DropoutTest, DropsWhatItsDefinitionSays) {
  constexpr double kRate = 0.3;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    NetworkSpec spec = SpecOf({DropoutSpec{kRate}, DropoutSpec{0}}, type);
    spec.input_features = 103;
    const auto network = MakeNetwork(spec);
    const Matrix inputs = RandomMatrix(type, 200, 103, 3, 1, 2);
    Workspace workspace;
    for (const std::uint32_t step : {0U, 7U}) {
      network->Forward(network->InitialParameters(), inputs, {.training_step = step}, &workspace);
      std::int64_t kept = 0;
      for (std::uint32_t i = 0; i < 200; ++i) {
        for (std::uint32_t j = 0; j < 103; ++j) {
          const bool is_kept = IsKept(11, 0, step, i, j, kRate);
          kept += is_kept;
          const double expected = is_kept ? inputs.At(i, j) / (1 - kRate) : 0;
          ASSERT_NEAR(workspace.outputs().At(i, j), expected, 1e-6) << i << " " << j;
        }
      }
      // Six standard deviations.
      EXPECT_NEAR(static_cast<double>(kept) / (200 * 103), 1 - kRate, 0.02);
    }
  }
}

NetworkSpec EveryKind(DataType type) {
  NetworkSpec spec = SpecOf({Dense(5), DropoutSpec{0.2},
                             ResidualSpec{{LayerNormSpec{}, Dense(9, ReluActivation{}), Dense(5)}},
                             LayerNormSpec{.omit_bias = true}, Dense(3, IdentityActivation{})},
                            type);
  spec.input_normalization.emplace();
  return spec;
}

// "Gradient" with `training` and then "Step" from what it gives, against "Step" from the batch.
TEST(TrainingGradientTest, GivesTheParametersOfAStepFromTheBatch) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const NetworkSpec spec = EveryKind(type);
    const auto network = MakeNetwork(spec);
    OptimizerSpec optimizer;
    optimizer.learning_rate = 0.01;
    optimizer.algorithm = AdamOptions{};
    auto by_batch = *Trainer::Create(network, optimizer, nullptr);
    auto by_gradient = *Trainer::Create(network, optimizer, nullptr);
    const Batch batch = testing::RandomBatch(spec, 21, 1);
    ASSERT_THAT(by_batch->Step(batch), IsOk());

    const Snapshot now = by_gradient->snapshot();
    const auto merged = network->MergeStatistics(now.statistics(), batch.inputs);
    Workspace workspace;
    Buffer gradients;
    network->Forward(now.parameters(), batch.inputs,
                     {.statistics = merged.get(), .training_step = now.step()}, &workspace);
    network->EvaluateLoss(batch.targets, batch.weights, &workspace);
    network->Backward(now.parameters(), batch.inputs, nullptr, &workspace, &gradients, nullptr);
    ASSERT_THAT(by_gradient->ApplyGradients(gradients, {}), IsOk());

    const Snapshot expected = by_batch->snapshot();
    const Snapshot actual = by_gradient->snapshot();
    for (std::int64_t i = 0; i < expected.parameters().size(); ++i) {
      ASSERT_EQ(actual.parameters().At(i), expected.parameters().At(i));
    }
  }
}

TEST(NormalizedTrainerTest, GoesOnFromASavedStateWithTheSameBits) {
  const NetworkSpec spec = EveryKind(DataType::kFloat32);
  const auto network = MakeNetwork(spec);
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.01;
  auto straight = *Trainer::Create(network, optimizer, nullptr);
  auto resumed = *Trainer::Create(network, optimizer, nullptr);
  for (std::uint64_t step = 0; step < 6; ++step) {
    if (step == 3) {
      ASSERT_THAT(resumed->SetState(straight->GetState()), IsOk());
    }
    const Batch batch = testing::RandomBatch(spec, 21, step);
    ASSERT_THAT(straight->Step(batch), IsOk());
    if (step >= 3) {
      ASSERT_THAT(resumed->Step(batch), IsOk());
    }
  }
  EXPECT_EQ(resumed->StateHash(), straight->StateHash());
  EXPECT_EQ(StateHash(straight->GetState()), straight->StateHash());
  EXPECT_EQ(straight->snapshot().statistics()->rows(), 6 * 21);
}

TEST(NormalizedTrainerTest, TheHashSeesTheStatistics) {
  NetworkSpec spec = SpecOf({DropoutSpec{0}});
  spec.input_normalization.emplace();
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.01;
  auto trainer = *Trainer::Create(MakeNetwork(spec), optimizer, nullptr);
  const std::uint64_t before = trainer->StateHash();
  ASSERT_THAT(trainer->Step(testing::RandomBatch(spec, 4, 1)), IsOk());
  EXPECT_NE(trainer->StateHash(), before);  // there is nothing else that has changed
}

TEST(NormalizedTrainerTest, ARefusedUpdateMergesNothing) {
  NetworkSpec spec = SpecOf({Dense(1, IdentityActivation{})});
  spec.input_normalization.emplace();
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.01;
  auto trainer = *Trainer::Create(MakeNetwork(spec), optimizer, nullptr);
  ASSERT_THAT(trainer->Step(testing::RandomBatch(spec, 4, 1)), IsOk());
  const std::uint64_t before = trainer->StateHash();
  Batch batch = testing::RandomBatch(spec, 4, 1);
  std::get<Matrix>(batch.targets).Set(0, 0, 1e300);
  EXPECT_FALSE(trainer->Step(batch).ok());
  // The values' squares are out of range, not the values.
  batch = testing::RandomBatch(spec, 4, 1);
  batch.inputs.Set(0, 0, 1e300);
  EXPECT_THAT(std::string(trainer->Step(batch).status().message()),
              HasSubstr("the statistics of the inputs"));
  EXPECT_EQ(trainer->StateHash(), before);
  EXPECT_EQ(trainer->snapshot().statistics()->rows(), 4);
}

}  // namespace
}  // namespace descent
