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
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::ColumnOf;
using testing::GoldenCases;
using testing::IsGolden;
using testing::IsOk;
using testing::Json;
using testing::MatrixOf;
using testing::OptimizerOf;
using testing::TargetsOf;

template <typename Infos>
auto KindOf(const Infos& infos, const std::string& name) {
  for (const auto& info : infos) {
    if (info.name == name) return info.kind;
  }
  ADD_FAILURE() << "no kind " << name;
  return infos.front().kind;
}

NetworkSpec SpecOf(const Json& golden) {
  NetworkSpec spec;
  spec.input_features = golden.at("inputs");
  spec.data_type = DataType::kFloat64;
  for (const Json& layer : golden.at("layers")) {
    DenseSpec& dense = spec.layers.emplace_back();
    dense.units = layer.at(0);
    dense.activation.kind = KindOf(Activations(), layer.at(1));
  }
  spec.loss.kind = KindOf(Losses(), golden.at("loss"));
  const Json& options = golden.at("loss_options");
  if (options.contains("delta")) spec.loss.delta = options.at("delta").get<double>();
  if (options.contains("label_smoothing")) {
    spec.loss.label_smoothing = options.at("label_smoothing").get<double>();
  }
  return spec;
}

// The golden files hold parameters one after the other: kernels as [inputs, units], then biases.
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

TEST(NetworkGoldenTest, TrajectoriesArePyTorchs) {
  for (const Json& golden : GoldenCases("networks")) {
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
                  .weights = ColumnOf(expected.at("weights"))};
      ASSERT_THAT(network->ValidateBatch(batch), IsOk());

      const Snapshot before = (*trainer)->snapshot();
      Workspace workspace;
      Buffer gradients;
      Matrix input_gradient;
      network->Forward(before.parameters(), batch.inputs, false, nullptr, &workspace);
      ExpectGolden(workspace.outputs().buffer(), MatrixOf(expected.at("outputs")).buffer(),
                   "output");
      network->EvaluateLoss(batch.targets, batch.weights, &workspace);
      network->Backward(before.parameters(), batch.inputs, nullptr, &workspace, &gradients,
                        &input_gradient);
      ExpectGolden(gradients, Spread(layout, expected.at("gradient")), "gradient");
      ExpectGolden(input_gradient.buffer(), MatrixOf(expected.at("input_gradient")).buffer(),
                   "input gradient");

      const auto updated = (*trainer)->Step(batch);
      ASSERT_THAT(updated, IsOk());
      EXPECT_TRUE(IsGolden(updated->loss, expected.at("loss")));
      ExpectGolden((*trainer)->snapshot().parameters(), Spread(layout, expected.at("parameters")),
                   "parameter");
    }
  }
}

}  // namespace
}  // namespace descent
