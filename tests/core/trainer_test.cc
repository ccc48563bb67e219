#include "core/trainer.h"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "core/error.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"

namespace descent {
namespace {

using ::descent::testing::DenseNetwork;
using ::descent::testing::MakeNetwork;
using ::descent::testing::RandomBatch;
using ::descent::testing::RandomMatrix;

NetworkSpec SmallNetwork(DataType type = DataType::kFloat32) {
  return DenseNetwork(5, {8, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, type);
}

OptimizerSpec WithAlgorithm(OptimizerOptions algorithm, double learning_rate) {
  OptimizerSpec spec;
  spec.learning_rate = learning_rate;
  spec.algorithm = algorithm;
  return spec;
}

std::unique_ptr<Trainer> MakeTrainer(const NetworkSpec& network, const OptimizerSpec& optimizer) {
  auto trainer = Trainer::Create(MakeNetwork(network), optimizer, nullptr);
  DESCENT_CHECK(trainer.ok());
  return *std::move(trainer);
}

TEST(TrainerTest, AStepOfGradientDescentIsParametersMinusRateTimesGradient) {
  const NetworkSpec spec = SmallNetwork(DataType::kFloat64);
  const auto trainer = MakeTrainer(spec, WithAlgorithm(SgdOptions{}, 0.1));
  const Batch batch = RandomBatch(spec, 20, 3);
  const Snapshot before = trainer->snapshot();
  Workspace workspace;
  Buffer gradients;
  const Network& network = trainer->network();
  network.Forward(before.parameters(), batch.inputs, {}, &workspace);
  const double loss = network.EvaluateLoss(batch.targets, batch.weights, &workspace);
  network.Backward(before.parameters(), batch.inputs, nullptr, &workspace, &gradients, nullptr);

  const auto result = trainer->Step(batch);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->step, 1);
  EXPECT_EQ(result->loss, loss);
  EXPECT_EQ(result->learning_rate, 0.1);
  double squares = 0;
  for (std::int64_t i = 0; i < gradients.size(); ++i) {
    EXPECT_NEAR(trainer->snapshot().parameters().At(i),
                before.parameters().At(i) - 0.1 * gradients.At(i), 1e-15);
    squares += gradients.At(i) * gradients.At(i);
  }
  EXPECT_NEAR(result->gradient_norm, std::sqrt(squares), 1e-14);
}

TEST(TrainerTest, GivenGradientsDoWhatABatchOfThemDoes) {
  const NetworkSpec spec = SmallNetwork();
  const auto by_batch = MakeTrainer(spec, WithAlgorithm(AdamOptions{}, 1e-2));
  const auto by_gradients = MakeTrainer(spec, WithAlgorithm(AdamOptions{}, 1e-2));
  for (std::uint64_t step = 0; step < 5; ++step) {
    const Batch batch = RandomBatch(spec, 16, step);
    Workspace workspace;
    Buffer gradients;
    const Snapshot snapshot = by_gradients->snapshot();
    const Network& network = by_gradients->network();
    network.Forward(snapshot.parameters(), batch.inputs, {}, &workspace);
    network.EvaluateLoss(batch.targets, batch.weights, &workspace);
    network.Backward(snapshot.parameters(), batch.inputs, nullptr, &workspace, &gradients, nullptr);
    ASSERT_TRUE(by_gradients->ApplyGradients(gradients, {}).ok());
    ASSERT_TRUE(by_batch->Step(batch).ok());
  }
  EXPECT_EQ(by_gradients->StateHash(), by_batch->StateHash());
}

TEST(TrainerTest, WeightsAreRepetitions) {
  const NetworkSpec spec = SmallNetwork(DataType::kFloat64);
  Batch weighted = RandomBatch(spec, 3, 11);
  weighted.weights = Matrix(DataType::kFloat64, 3, 1);
  weighted.weights.Set(0, 0, 2);
  weighted.weights.Set(1, 0, 0);
  weighted.weights.Set(2, 0, 1);
  Batch repeated;
  repeated.inputs = Matrix(DataType::kFloat64, 3, 5);
  Matrix targets(DataType::kFloat64, 3, 1);
  const int source[] = {0, 0, 2};
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      repeated.inputs.Set(i, j, weighted.inputs.At(source[i], j));
    }
    targets.Set(i, 0, std::get<Matrix>(weighted.targets).At(source[i], 0));
  }
  repeated.targets = std::move(targets);
  const auto a = MakeTrainer(spec, WithAlgorithm(SgdOptions{}, 0.1));
  const auto b = MakeTrainer(spec, WithAlgorithm(SgdOptions{}, 0.1));
  EXPECT_NEAR(a->Step(weighted)->loss, b->Step(repeated)->loss, 1e-15);
  for (std::int64_t i = 0; i < a->snapshot().parameters().size(); ++i) {
    EXPECT_NEAR(a->snapshot().parameters().At(i), b->snapshot().parameters().At(i), 1e-15);
  }
}

TEST(TrainerTest, RefusesWhatIsNotFiniteAndChangesNothing) {
  const NetworkSpec spec = SmallNetwork();
  struct Refusal {
    const char* what;
    OptimizerSpec optimizer;
    double input;
    double learning_rate;
  };
  const double huge = 3e38;
  const Refusal refusals[] = {
      {"the loss", WithAlgorithm(SgdOptions{.momentum = 0.9}, 1e-3), huge, 1e-3},
      {"a parameter", WithAlgorithm(SgdOptions{}, 1e-3), 1, 1e300},
      {"a parameter", WithAlgorithm(AdamOptions{}, 1e-3), 1, 1e300},
      {"a parameter", WithAlgorithm(RmsPropOptions{.momentum = 0.9}, 1e-3), 1, 1e300},
      {"a parameter", WithAlgorithm(NadamOptions{}, 1e-3), 1, 1e300},
      {"a parameter", WithAlgorithm(LionOptions{}, 1e-3), 1, 1e300},
  };
  for (const Refusal& refusal : refusals) {
    const auto trainer = MakeTrainer(spec, refusal.optimizer);
    ASSERT_TRUE(trainer->Step(RandomBatch(spec, 8, 1)).ok());
    const std::uint64_t before = trainer->StateHash();
    Batch bad = RandomBatch(spec, 8, 2);
    if (refusal.input != 1) {
      std::get<Matrix>(bad.targets).Set(3, 0, refusal.input);
    }
    const auto result = trainer->Step(bad, refusal.learning_rate);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition) << refusal.what;
    EXPECT_EQ(GetErrorDetails(result.status()).reason, "NON_FINITE_UPDATE");
    EXPECT_EQ(GetErrorDetails(result.status()).metadata["what"], refusal.what);
    EXPECT_EQ(trainer->StateHash(), before);
    EXPECT_EQ(trainer->step(), 1);
    // And it goes on as if nothing had been asked.
    EXPECT_TRUE(trainer->Step(RandomBatch(spec, 8, 3)).ok());
  }
}

TEST(TrainerTest, RefusesGradientsThatAreNotFinite) {
  const NetworkSpec spec = SmallNetwork();
  const auto trainer = MakeTrainer(spec, WithAlgorithm(AdamOptions{}, 1e-3));
  Buffer gradients(DataType::kFloat32, trainer->network().layout().size());
  gradients.data<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  const std::uint64_t before = trainer->StateHash();
  EXPECT_EQ(trainer->ApplyGradients(gradients, {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(trainer->StateHash(), before);
}

TEST(TrainerTest, HugeButFiniteGradientsOverflowingTheSecondMomentAreRefusedWhole) {
  const NetworkSpec spec = SmallNetwork();
  const auto trainer = MakeTrainer(spec, WithAlgorithm(AdamOptions{}, 1e-3));
  ASSERT_TRUE(trainer->Step(RandomBatch(spec, 8, 1)).ok());
  const std::uint64_t before = trainer->StateHash();
  Buffer gradients(DataType::kFloat32, trainer->network().layout().size());
  gradients.data<float>()[2] = 1e30F;  // its square is beyond a float
  const auto result = trainer->ApplyGradients(gradients, {});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetails(result.status()).metadata["what"], "the optimizer's state");
  EXPECT_EQ(trainer->StateHash(), before);
}

TEST(TrainerTest, ClippingScalesTheNormThenClampsElements) {
  const NetworkSpec spec = SmallNetwork(DataType::kFloat64);
  OptimizerSpec optimizer = WithAlgorithm(SgdOptions{}, 1);
  optimizer.clip_norm = 1;
  optimizer.clip_value = 0.5;
  const auto trainer = MakeTrainer(spec, optimizer);
  const Snapshot before = trainer->snapshot();
  Buffer gradients(DataType::kFloat64, before.parameters().size());
  gradients.data<double>()[0] = 3;
  gradients.data<double>()[1] = -4;
  const auto result = trainer->ApplyGradients(gradients, {});
  ASSERT_TRUE(result.ok());
  EXPECT_DOUBLE_EQ(result->gradient_norm, 5);
  const Snapshot after = trainer->snapshot();
  EXPECT_NEAR(before.parameters().At(0) - after.parameters().At(0), 0.5, 1e-12);
  EXPECT_NEAR(before.parameters().At(1) - after.parameters().At(1), -0.5, 1e-12);
}

TEST(TrainerTest, BiasesAreSparedWeightDecayWhenAsked) {
  NetworkSpec spec = SmallNetwork(DataType::kFloat64);
  for (LayerSpec& layer : spec.layers) {
    auto& dense = std::get<DenseSpec>(layer);
    dense.bias_initializer = {.kind = InitializerKind::kConstant, .scale = 0.25};
  }
  OptimizerSpec optimizer = WithAlgorithm(SgdOptions{.weight_decay = 0.1}, 1);
  for (const bool spare : {false, true}) {
    optimizer.exclude_bias_from_weight_decay = spare;
    const auto trainer = MakeTrainer(spec, optimizer);
    const Snapshot before = trainer->snapshot();
    ASSERT_TRUE(
        trainer->ApplyGradients(Buffer(DataType::kFloat64, before.parameters().size()), {}).ok());
    for (const ParameterInfo& parameter : trainer->network().layout().parameters()) {
      const double factor = parameter.is_per_unit && spare ? 1 : 0.9;
      for (std::int64_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
        EXPECT_NEAR(trainer->snapshot().parameters().At(i), factor * before.parameters().At(i),
                    1e-15)
            << parameter.name;
      }
    }
  }
}

TEST(TrainerTest, SetParametersCountsAsOneUpdateAndStartsTheOptimizerAfresh) {
  const NetworkSpec spec = SmallNetwork();
  for (const bool keep : {false, true}) {
    const auto trainer = MakeTrainer(spec, WithAlgorithm(AdamOptions{}, 1e-2));
    const Buffer initial = trainer->snapshot().parameters().Clone();
    const std::uint64_t fresh = trainer->StateHash();
    ASSERT_TRUE(trainer->Step(RandomBatch(spec, 8, 1)).ok());
    ASSERT_TRUE(trainer->SetParameters(initial, keep).ok());
    EXPECT_EQ(trainer->step(), 2);
    EXPECT_EQ(trainer->snapshot().step(), 2);
    EXPECT_EQ(trainer->StateHash() == fresh, !keep);
  }
}

TEST(TrainerTest, ChangingHyperparametersKeepsStateChangingTheAlgorithmDoesNot) {
  const NetworkSpec spec = SmallNetwork();
  const auto trainer = MakeTrainer(spec, WithAlgorithm(AdamOptions{}, 1e-2));
  ASSERT_TRUE(trainer->Step(RandomBatch(spec, 8, 1)).ok());
  ASSERT_TRUE(trainer->SetOptimizer(WithAlgorithm(AdamOptions{.beta1 = 0.8}, 1e-3)).ok());
  EXPECT_EQ(trainer->GetState().optimizer_updates, 1);
  EXPECT_EQ(trainer->Step(RandomBatch(spec, 8, 2))->learning_rate, 1e-3);
  ASSERT_TRUE(trainer->SetOptimizer(WithAlgorithm(SgdOptions{.momentum = 0.9}, 1e-3)).ok());
  EXPECT_EQ(trainer->GetState().optimizer_updates, 0);
  EXPECT_EQ(trainer->step(), 2);
  EXPECT_FALSE(trainer->SetOptimizer(WithAlgorithm(AdamOptions{.beta1 = 2}, 1e-3)).ok());
  EXPECT_EQ(trainer->optimizer_spec().algorithm.index(), 0U);
}

TEST(TrainerTest, StatesThatDoNotFitAreRefused) {
  const auto small = MakeTrainer(SmallNetwork(), WithAlgorithm(AdamOptions{}, 1e-2));
  const auto other = MakeTrainer(SmallNetwork(), WithAlgorithm(SgdOptions{}, 1e-2));
  EXPECT_EQ(other->SetState(small->GetState()).code(), absl::StatusCode::kInvalidArgument);
}

TEST(TrainerTest, LearnsALinearFunction) {
  const NetworkSpec spec =
      DenseNetwork(3, {1}, IdentityActivation{}, HalfSquaredErrorLoss{}, DataType::kFloat32);
  const auto trainer = MakeTrainer(spec, WithAlgorithm(SgdOptions{}, 0.1));
  double loss = 0;
  for (std::uint64_t step = 0; step < 500; ++step) {
    Batch batch;
    batch.inputs = RandomMatrix(DataType::kFloat32, 32, 3, step);
    Matrix targets(DataType::kFloat32, 32, 1);
    for (std::int64_t i = 0; i < 32; ++i) {
      targets.Set(
          i, 0,
          1 + 2 * batch.inputs.At(i, 0) - 3 * batch.inputs.At(i, 1) + 0.5 * batch.inputs.At(i, 2));
    }
    batch.targets = std::move(targets);
    loss = trainer->Step(batch)->loss;
  }
  EXPECT_LT(loss, 1e-6);
  const Snapshot snapshot = trainer->snapshot();
  const Buffer& learned = snapshot.parameters();
  EXPECT_NEAR(learned.At(0), 2, 1e-3);
  EXPECT_NEAR(learned.At(1), -3, 1e-3);
  EXPECT_NEAR(learned.At(trainer->network().layout().OffsetOf("layers.0.bias")), 1, 1e-3);
}

}  // namespace
}  // namespace descent
