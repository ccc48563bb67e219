#include "server/models/evaluation.h"

#include <memory>
#include <vector>

#include "core/metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::FailsAt;
using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::_;

absl::StatusOr<std::int64_t> Add(Evaluation& evaluation, Batch batch) {
  return Await<std::int64_t>(
      [&](Reply<std::int64_t> reply) { evaluation.Add(std::move(batch), {}, std::move(reply)); });
}

absl::StatusOr<EvaluateOutcome> Finish(Evaluation& evaluation) {
  return Await<EvaluateOutcome>(
      [&](Reply<EvaluateOutcome> reply) { evaluation.Finish({}, std::move(reply)); });
}

class EvaluationTest : public ::testing::TestWithParam<bool> {
 protected:
  static ModelsOptions Options() {
    ModelsOptions options;
    options.max_evaluation_rows = 10;
    if (!GetParam()) options.inline_multiply_adds = -1;
    return options;
  }

  Registry registry_{Options()};
  const std::shared_ptr<Model> model_ = CreateModel(&registry_, "m");
  const std::shared_ptr<const Network> network_ = model_->network();
};

INSTANTIATE_TEST_SUITE_P(HandedOverAndInPlace, EvaluationTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "InPlace" : "HandedOver"; });

TEST_P(EvaluationTest, KeepsTheStepOfItsFirstBatch) {
  ASSERT_THAT(Step(*model_, StepOn(*network_, 0)), IsOk());
  MetricsAccumulator expected(network_);
  const Buffer parameters = [&] {
    const auto trainer = *Trainer::Create(network_, SampleOptimizer(), nullptr);
    EXPECT_THAT(trainer->Step(SampleBatch(*network_, 0)), IsOk());
    return trainer->snapshot().parameters().Clone();
  }();
  const auto evaluation = model_->BeginEvaluation();
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    const Batch batch = SampleBatch(*network_, seed, /*rows=*/5);
    Workspace workspace;
    network_->Forward(parameters, batch.inputs, {}, &workspace);
    expected.Add(workspace.outputs(), batch.targets, batch.weights);
    const auto rows = Add(*evaluation, SampleBatch(*network_, seed, /*rows=*/5));
    ASSERT_THAT(rows, IsOk());
    EXPECT_EQ(*rows, 5 * static_cast<std::int64_t>(seed));
    ASSERT_THAT(Step(*model_, StepOn(*network_, 9)), IsOk());  // changes the model meanwhile
  }
  const auto outcome = Finish(*evaluation);
  ASSERT_THAT(outcome, IsOk());
  const MetricsSummary summary = expected.Finish();
  EXPECT_EQ(outcome->step, 1);
  EXPECT_EQ(outcome->rows, 10);
  EXPECT_EQ(outcome->loss, summary.loss);
  EXPECT_EQ(outcome->metrics, summary.metrics);
}

TEST_P(EvaluationTest, NeedsABatch) {
  EXPECT_THAT(Finish(*model_->BeginEvaluation()), FailsAt("batch", "INVALID_FIELD"));
}

TEST_P(EvaluationTest, BoundsItsRowsAndStaysFailed) {
  const auto evaluation = model_->BeginEvaluation();
  ASSERT_THAT(Add(*evaluation, SampleBatch(*network_, 1, /*rows=*/8)), IsOk());
  const auto refused = Add(*evaluation, SampleBatch(*network_, 1, /*rows=*/3));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted, _));
  EXPECT_THAT(refused, ReasonIs("EVALUATION_TOO_LARGE"));
  EXPECT_THAT(Add(*evaluation, SampleBatch(*network_, 1, /*rows=*/1)),
              ReasonIs("EVALUATION_TOO_LARGE"));
  EXPECT_THAT(Finish(*evaluation), ReasonIs("EVALUATION_TOO_LARGE"));
}

TEST_P(EvaluationTest, EndsWithItsModel) {
  const auto evaluation = model_->BeginEvaluation();
  ASSERT_THAT(Add(*evaluation, SampleBatch(*network_, 1)), IsOk());
  ASSERT_THAT(Await<DeleteModelOutcome>([&](Reply<DeleteModelOutcome> reply) {
                registry_.Delete({.name = "m"}, {}, std::move(reply));
              }),
              IsOk());
  EXPECT_THAT(Finish(*evaluation), ReasonIs("MODEL_NOT_FOUND"));
}

TEST_P(EvaluationTest, TakesBatchesThatComeBeforeAnswers) {
  const auto evaluation = model_->BeginEvaluation();
  Pending<std::int64_t> first;
  Pending<std::int64_t> second;
  Pending<EvaluateOutcome> outcome;
  evaluation->Add(SampleBatch(*network_, 1), {}, first.reply());
  evaluation->Add(SampleBatch(*network_, 2), {}, second.reply());
  evaluation->Finish({}, outcome.reply());
  EXPECT_EQ(*first.Get(), 4);
  EXPECT_EQ(*second.Get(), 8);
  EXPECT_EQ(outcome.Get()->rows, 8);
}

}  // namespace
}  // namespace descent::models
