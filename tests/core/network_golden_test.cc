// Whole networks trained for some steps: outputs, losses, gradients and parameters are PyTorch's.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/activations/kinds.h"
#include "core/losses/kinds.h"
#include "core/network.h"
#include "core/trainer.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"
#include "tests/support/golden_options.h"
#include "tests/support/gradients.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::ColumnOf;
using testing::GoldenCases;
using testing::IsGolden;
using testing::IsOk;
using testing::Json;
using testing::KindOf;
using testing::MatrixOf;
using testing::OptimizerOf;
using testing::TargetsOf;

// [units, activation], ["dropout", rate], ["layer_norm", epsilon, omit_bias], ["residual", layers].
std::vector<LayerSpec> LayersOf(const Json& golden) {
  std::vector<LayerSpec> layers;
  for (const Json& layer : golden) {
    const std::string kind = layer.at(0).is_string() ? layer.at(0).get<std::string>() : "dense";
    if (kind == "dropout") {
      layers.emplace_back(DropoutSpec{.rate = layer.at(1)});
    } else if (kind == "layer_norm") {
      layers.emplace_back(LayerNormSpec{.epsilon = layer.at(1), .omit_bias = layer.at(2)});
    } else if (kind == "residual") {
      layers.emplace_back(ResidualSpec{LayersOf(layer.at(1))});
    } else {
      layers.emplace_back(
          DenseSpec{.units = layer.at(0), .activation = KindOf(Activations(), layer.at(1))});
    }
  }
  return layers;
}

NetworkSpec SpecOf(const Json& golden) {
  NetworkSpec spec;
  spec.input_features = golden.at("inputs");
  spec.data_type = DataType::kFloat64;
  spec.layers = LayersOf(golden.at("layers"));
  spec.seed = golden.value("seed", std::uint64_t{0});
  if (golden.contains("input_normalization")) {
    const Json& options = golden.at("input_normalization");
    spec.input_normalization =
        InputNormalizationSpec{.epsilon = options.at("epsilon"),
                               .freeze_after_rows = options.at("freeze_after_rows"),
                               .half_life_rows = options.at("half_life_rows")};
  }
  for (const Json& input : golden.value("categorical_inputs", Json::array())) {
    spec.categorical_inputs.push_back(
        {.name = input.at("name"),
         .buckets = input.at("buckets"),
         .dimension = input.at("dimension"),
         .combiner = input.at("combiner") == "mean" ? Combiner::kMean : Combiner::kSum});
  }
  spec.loss = KindOf(Losses(), golden.at("loss"), golden.at("loss_options"));
  return spec;
}

Categories CategoriesOf(const Json& golden) {
  Categories categories;
  for (const Json& values : golden) {
    CategoryValues& input = categories.emplace_back();
    values.at("ids").get_to(input.buckets);
    if (values.contains("row_splits")) values.at("row_splits").get_to(input.row_splits);
    if (values.contains("weights")) input.weights = ColumnOf(values.at("weights"));
  }
  return categories;
}

// The golden files hold parameters one after the other: kernels as [inputs, units], then biases,
// and the tables of categorical inputs last.
Buffer Spread(const ParameterLayout& layout, const Json& flat) {
  Buffer buffer(DataType::kFloat64, layout.size());
  std::size_t next = 0;
  for (const ParameterInfo& parameter : layout.parameters()) {
    for (std::int64_t i = 0; i < parameter.size; ++i) {
      buffer.Set(parameter.offset + i, flat.at(next++));
    }
  }
  EXPECT_EQ(next, flat.size());
  return buffer;
}

void ExpectGolden(const Buffer& actual, const Buffer& golden, const char* what) {
  ASSERT_EQ(actual.size(), golden.size());
  for (std::int64_t i = 0; i < golden.size(); ++i) {
    EXPECT_TRUE(IsGolden(actual.At(i), golden.At(i))) << what << " element " << i;
  }
}

class NetworkGoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(NetworkGoldenTest, TrajectoriesArePyTorchs) {
  for (const Json& golden : GoldenCases(GetParam())) {
    const auto network = testing::MakeNetwork(SpecOf(golden));
    const ParameterLayout& layout = network->layout();
    OptimizerSpec optimizer;
    optimizer.learning_rate = golden.at("learning_rate");
    optimizer.algorithm = OptimizerOf(golden.at("optimizer"), golden.at("options"));
    auto trainer = Trainer::Create(network, optimizer, nullptr);
    ASSERT_THAT(trainer, IsOk());
    ASSERT_THAT((*trainer)->SetParameters(Spread(layout, golden.at("start")), false), IsOk());
    std::int64_t step = 0;
    for (const Json& expected : golden.at("steps")) {
      SCOPED_TRACE(::testing::Message() << golden.at("loss") << " step " << ++step);
      Batch batch{.inputs = MatrixOf(expected.at("inputs")),
                  .targets = TargetsOf(expected),
                  .weights = ColumnOf(expected.at("weights")),
                  .categories = CategoriesOf(expected.value("categories", Json::array()))};
      ASSERT_THAT(network->ValidateBatch(batch), IsOk());

      const Snapshot before = (*trainer)->snapshot();
      Workspace workspace;
      const auto statistics = network->MergeStatistics(before.statistics(), batch.inputs);
      network->Forward(before.parameters(), batch.inputs,
                       {.statistics = statistics.get(),
                        .categories = &batch.categories,
                        .training_step = before.step()},
                       &workspace);
      ExpectGolden(workspace.outputs().buffer(), MatrixOf(expected.at("outputs")).buffer(),
                   "output");
      network->EvaluateLoss(batch.targets, batch.weights, &workspace);
      const testing::Gradients gradients =
          testing::GradientsOf(*network, before.parameters(), batch, &workspace);
      ExpectGolden(testing::WholeGradient(*network, gradients),
                   Spread(layout, expected.at("gradient")), "gradient");
      ExpectGolden(gradients.inputs.buffer(), MatrixOf(expected.at("input_gradient")).buffer(),
                   "input gradient");

      const auto updated = (*trainer)->Step(batch);
      ASSERT_THAT(updated, IsOk());
      EXPECT_TRUE(IsGolden(updated->loss, expected.at("loss")));
      ExpectGolden((*trainer)->snapshot().parameters(), Spread(layout, expected.at("parameters")),
                   "parameter");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, NetworkGoldenTest,
                         ::testing::Values("networks", "layers", "embeddings"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace descent
