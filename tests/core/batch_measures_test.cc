// Measures of a batch against those of an evaluation of the same rows.

#include "core/batch_measures.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "core/losses/kinds.h"
#include "core/metrics.h"
#include "core/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"
#include "tests/support/random_targets.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using ::descent::testing::DenseNetwork;
using ::descent::testing::MakeNetwork;
using ::descent::testing::RandomMatrix;
using ::descent::testing::RandomTargets;
using ::descent::testing::TargetForm;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::int64_t kRows = 37;

// What the rows come to by both, of the loss that training would have computed.
void ExpectTheSame(const LossSpec& loss, std::int64_t outputs, DataType type, TargetForm form,
                   bool weighted) {
  const auto network = MakeNetwork(DenseNetwork(3, {outputs}, IdentityActivation{}, loss, type));
  const Matrix inputs = RandomMatrix(type, kRows, 3, 5, -2, 2);
  const Targets targets =
      RandomTargets(GetLossInfo(loss).targets, form, type, kRows, outputs, /*seed=*/7);
  Matrix weights;
  if (weighted) {
    weights = RandomMatrix(type, kRows, 1, 9, 0.5, 3);
    for (std::int64_t i = 0; i < kRows; i += 5) weights.Set(i, 0, 0);
  }
  Workspace workspace;
  network->Forward(network->InitialParameters(), inputs, {}, &workspace);
  const double batch_loss = network->EvaluateLoss(targets, weights, &workspace);
  const BatchMeasures measures =
      MeasureBatch(*network, workspace.outputs(), targets, weights, batch_loss);

  MetricsAccumulator evaluation(network);
  evaluation.Add(workspace.outputs(), targets, weights);
  const std::map<std::string, double> expected = evaluation.Finish().metrics;
  const auto named = NamedMeasures(loss, measures);
  ASSERT_EQ(named.size(), 2U);
  for (const auto& [name, value] : named) {
    ASSERT_TRUE(expected.contains(name)) << name;
    const double tolerance = type == DataType::kFloat64 ? 1e-12 : 1e-5;
    EXPECT_NEAR(value, expected.at(name), tolerance * (1 + expected.at(name))) << name;
  }
}

TEST(BatchMeasuresTest, AreThoseOfAnEvaluation) {
  for (const LossInfo& info : Losses()) {
    for (const std::int64_t outputs : {1, 2, 3, 40}) {
      for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
        for (const bool weighted : {false, true}) {
          SCOPED_TRACE(::testing::Message()
                       << info.name << " of " << outputs << ", " << DataTypeName(type)
                       << (weighted ? ", weighted" : ""));
          ExpectTheSame(info.defaults, outputs, type, TargetForm::kValues, weighted);
          const bool takes_classes = info.targets == TargetKind::kDistribution ||
                                     (info.targets == TargetKind::kProbability && outputs == 1);
          if (!takes_classes) continue;
          ExpectTheSame(info.defaults, outputs, type, TargetForm::kClasses, weighted);
        }
      }
    }
  }
}

TEST(BatchMeasuresTest, LogLossIsWithoutLabelSmoothing) {
  for (const TargetForm form : {TargetForm::kValues, TargetForm::kClasses}) {
    for (const bool weighted : {false, true}) {
      ExpectTheSame(SoftmaxCrossEntropyLoss{.label_smoothing = 0.25}, 4, DataType::kFloat64, form,
                    weighted);
    }
  }
}

TEST(BatchMeasuresTest, ARowWithoutWeightCountsForNothingWhateverItIs) {
  const auto network = MakeNetwork(
      DenseNetwork(3, {1}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32));
  Matrix outputs(DataType::kFloat32, 2, 1);
  Matrix wanted(DataType::kFloat32, 2, 1);
  Matrix weights(DataType::kFloat32, 2, 1);
  outputs.Set(0, 0, std::numeric_limits<double>::quiet_NaN());
  outputs.Set(1, 0, 3);
  wanted.Set(1, 0, 1);
  weights.Set(1, 0, 0.5);
  const Targets targets = std::move(wanted);
  EXPECT_THAT(MeasureBatch(*network, outputs, targets, weights, /*loss=*/4), ElementsAre(4, 2));
}

// The loss of one such row is finite, its square is not.
TEST(BatchMeasuresTest, AnInfiniteOneHasNoName) {
  const auto network =
      MakeNetwork(DenseNetwork(3, {1}, IdentityActivation{}, HuberLoss{}, DataType::kFloat64));
  Matrix outputs(DataType::kFloat64, 1, 1);
  outputs.Set(0, 0, 1e200);
  const BatchMeasures measures = MeasureBatch(*network, outputs, Matrix(DataType::kFloat64, 1, 1),
                                              /*weights=*/{}, /*loss=*/1e200);
  EXPECT_THAT(measures, ElementsAre(std::numeric_limits<double>::infinity(), 1e200));
  EXPECT_THAT(NamedMeasures(HuberLoss{}, measures), ElementsAre(Pair("mae", 1e200)));
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(NamedMeasures(HuberLoss{}, {infinity, infinity}), IsEmpty());
}

TEST(BatchMeasuresTest, NamesGoByTheLoss) {
  for (const LossInfo& info : Losses()) {
    SCOPED_TRACE(info.name);
    const auto named = NamedMeasures(info.defaults, {0.25, 1});
    if (info.targets == TargetKind::kReal || info.targets == TargetKind::kCount) {
      EXPECT_THAT(named, ElementsAre(Pair("mae", 1), Pair("rmse", 0.5)));
    } else {
      EXPECT_THAT(named, ElementsAre(Pair("accuracy", 0.25), Pair("log_loss", 1)));
    }
  }
}

// Sums of many outputs go through registers, whose width is the processor's.
TEST(BatchMeasuresTest, HaveTheSameBitsOnEveryProcessor) {
  const auto network = MakeNetwork(
      DenseNetwork(3, {101}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32));
  const BatchMeasures measures =
      MeasureBatch(*network, RandomMatrix(DataType::kFloat32, 50, 101, 1),
                   RandomMatrix(DataType::kFloat32, 50, 101, 2), /*weights=*/{}, /*loss=*/1);
  EXPECT_EQ(absl::StrFormat("%a %a", measures[0], measures[1]),
            "0x1.45315032499b4p-1 0x1.4b1130905fb56p-1");
}

TEST(BatchMeasuresTest, ATrainerHasThoseOfItsLastBatchBeforeTheUpdate) {
  const NetworkSpec spec =
      DenseNetwork(3, {8, 1}, ReluActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat64);
  const auto network = MakeNetwork(spec);
  const auto trainer = Trainer::Create(network, OptimizerSpec{}, /*pool=*/nullptr);
  ASSERT_THAT(trainer, testing::IsOk());
  for (std::uint64_t seed = 1; seed < 5; ++seed) {
    const Batch batch = testing::RandomBatch(spec, 6, seed);
    Workspace workspace;
    network->Forward((*trainer)->snapshot().parameters(), batch.inputs, {}, &workspace);
    MetricsAccumulator evaluation(network);
    evaluation.Add(workspace.outputs(), batch.targets, batch.weights);
    const auto result = (*trainer)->Step(batch);
    ASSERT_THAT(result, testing::IsOk());
    const BatchMeasures& measures = (*trainer)->batch_measures();
    EXPECT_NEAR(measures[0], result->loss, 1e-12);
    EXPECT_NEAR(measures[1], evaluation.Finish().metrics.at("mae"), 1e-12);
  }
}

}  // namespace
}  // namespace descent
