// What each call on a model does, one at a time.

#include "server/models/registry/model.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/gradient_norm.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::FailsAt;
using ::descent::testing::IsOk;
using ::descent::testing::RandomMatrix;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Everything holds for work that is handed over and for work that is done in place.
class ModelTest : public ::testing::TestWithParam<bool> {
 protected:
  static ModelsOptions Options() {
    ModelsOptions options;
    options.threads = 2;
    if (!GetParam()) options.inline_multiply_adds = -1;
    return options;
  }

  StepCommand StepOn(std::uint64_t seed) { return models::StepOn(*network_, seed); }

  Registry registry_{Options()};
  const std::shared_ptr<Model> model_ = CreateModel(&registry_, "m");
  const std::shared_ptr<const Network> network_ = model_->network();
};

INSTANTIATE_TEST_SUITE_P(HandedOverAndInPlace, ModelTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "InPlace" : "HandedOver"; });

TEST_P(ModelTest, StepsAsATrainerDoes) {
  const auto trainer = *Trainer::Create(network_, SampleOptimizer(), nullptr);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const UpdateResult expected = *trainer->Step(SampleBatch(*network_, seed));
    const auto outcome = Step(*model_, StepOn(seed));
    ASSERT_THAT(outcome, IsOk());
    EXPECT_EQ(outcome->step, expected.step);
    EXPECT_EQ(outcome->durable_step, expected.step);
    EXPECT_EQ(outcome->loss, expected.loss);
    EXPECT_EQ(outcome->gradient_norm, expected.gradient_norm);
    EXPECT_EQ(outcome->learning_rate, 1e-2);
    EXPECT_FALSE(outcome->replayed);
  }
  const auto info = Info(*model_);
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->state_hash, trainer->StateHash());
  EXPECT_EQ(info->step, 5);
  EXPECT_EQ(info->durable_step, 5);
  EXPECT_EQ(info->parameter_count, 5 * 8 + 8 + 8 * 2 + 2);
}

TEST_P(ModelTest, StepTakesAnotherLearningRate) {
  StepCommand command = StepOn(0);
  command.learning_rate = 0.5;
  EXPECT_EQ(Step(*model_, std::move(command))->learning_rate, 0.5);
}

TEST_P(ModelTest, StepChecksTheExpectedStep) {
  ASSERT_THAT(Step(*model_, StepOn(0)), IsOk());
  StepCommand command = StepOn(1);
  command.expected_step = 0;
  const auto refused = Step(*model_, std::move(command));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAborted, HasSubstr("expected_step")));
  EXPECT_THAT(refused, ReasonIs("STEP_MISMATCH"));
  const ErrorDetails details = GetErrorDetails(refused.status());
  EXPECT_EQ(details.metadata.at("expected_step"), "0");
  EXPECT_EQ(details.metadata.at("actual_step"), "1");
  command = StepOn(1);
  command.expected_step = 1;
  EXPECT_EQ(Step(*model_, std::move(command))->step, 2);
}

TEST_P(ModelTest, StepRefusesNonFiniteUpdatesAndChangesNothing) {
  const std::uint64_t before = Info(*model_)->state_hash;
  StepCommand command;
  Batch batch = SampleBatch(*network_, 0);
  std::get<Matrix>(batch.targets).Set(0, 0, 3e38);  // its square is beyond a float
  command.update = std::move(batch);
  const auto refused = Step(*model_, std::move(command));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, _));
  EXPECT_THAT(refused, ReasonIs("NON_FINITE_UPDATE"));
  EXPECT_EQ(Info(*model_)->state_hash, before);
  EXPECT_EQ(Info(*model_)->step, 0);
}

TEST_P(ModelTest, StepRefusesABatchWhoseValuesWouldNotFit) {
  ModelsOptions options = Options();
  options.max_pass_bytes = 3 * (8 + 2) * 4 * sizeof(float);  // four rows
  Registry registry(options);
  const auto model = CreateModel(&registry, "small");
  EXPECT_THAT(Step(*model, models::StepOn(*network_, 0, /*rows=*/4)), IsOk());
  EXPECT_THAT(Step(*model, models::StepOn(*network_, 0, /*rows=*/5)), ReasonIs("BATCH_TOO_LARGE"));
  EXPECT_THAT(Predict(*model, RandomMatrix(DataType::kFloat32, 5, 5, 1)),
              ReasonIs("BATCH_TOO_LARGE"));
}

TEST_P(ModelTest, StepAppliesGradientsComputedElsewhere) {
  const Batch batch = SampleBatch(*network_, 3);
  const auto gradient = Await<GradientOutcome>([&](Reply<GradientOutcome> reply) {
    GradientCommand command{.inputs = batch.inputs.Clone()};
    command.cotangent = Targets(std::get<Matrix>(batch.targets).Clone());
    model_->Gradient(std::move(command), {}, std::move(reply));
  });
  ASSERT_THAT(gradient, IsOk());
  StepCommand command;
  command.update = GradientUpdate{.base_step = 0, .gradients = gradient->gradients.Clone()};
  const auto outcome = Step(*model_, std::move(command));
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->loss, 0);
  EXPECT_EQ(outcome->gradient_norm, gradient->gradient_norm);
  // The same as the step that computes them itself.
  EXPECT_EQ(Info(*model_)->state_hash, HashAfter(network_->spec(), {3}));
}

TEST_P(ModelTest, StepChecksTheStalenessOfGradients) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) ASSERT_THAT(Step(*model_, StepOn(seed)), IsOk());
  const auto with_base = [&](std::int64_t base_step, std::optional<std::int64_t> max_staleness) {
    StepCommand command;
    command.update =
        GradientUpdate{.base_step = base_step,
                       .max_staleness = max_staleness,
                       .gradients = Buffer(DataType::kFloat32, network_->layout().size())};
    return Step(*model_, std::move(command));
  };
  const auto stale = with_base(1, 1);
  EXPECT_THAT(stale, StatusIs(absl::StatusCode::kAborted, _));
  EXPECT_THAT(stale, ReasonIs("STALE_GRADIENTS"));
  EXPECT_EQ(GetErrorDetails(stale.status()).metadata.at("actual_step"), "3");
  EXPECT_THAT(with_base(4, std::nullopt), FailsAt("gradients.base_step", "INVALID_FIELD"));
  EXPECT_THAT(with_base(1, 2), IsOk());
  EXPECT_THAT(with_base(0, std::nullopt), IsOk());
}

TEST_P(ModelTest, RepeatedStepsAreAppliedOnce) {
  const auto with_id = [&](const std::string& id, std::uint64_t fingerprint) {
    StepCommand command = StepOn(0);
    command.request = {id, fingerprint};
    command.expected_step = 0;  // holds for the first only; a repeat is recognised before
    return Step(*model_, std::move(command));
  };
  const auto first = with_id("id", 1);
  ASSERT_THAT(first, IsOk());
  const auto repeat = with_id("id", 1);
  ASSERT_THAT(repeat, IsOk());
  EXPECT_TRUE(repeat->replayed);
  EXPECT_EQ(repeat->step, first->step);
  EXPECT_EQ(repeat->loss, first->loss);
  const auto reused = with_id("id", 2);
  EXPECT_THAT(reused, StatusIs(absl::StatusCode::kAlreadyExists, _));
  EXPECT_THAT(reused, ReasonIs("REQUEST_ID_REUSED"));
  EXPECT_EQ(Info(*model_)->step, 1);
  // A refused request changed nothing: its id is free.
  EXPECT_THAT(with_id("other", 1), ReasonIs("STEP_MISMATCH"));
  EXPECT_THAT(with_id("other", 2), ReasonIs("STEP_MISMATCH"));
}

TEST_P(ModelTest, ARequestIdServesOneKindOfCall) {
  StepCommand step = StepOn(0);
  step.request = {"id", 1};
  ASSERT_THAT(Step(*model_, std::move(step)), IsOk());
  const auto update = Await<ModelInfo>([&](Reply<ModelInfo> reply) {
    UpdateModelCommand command;
    command.request = {"id", 1};
    model_->Update(std::move(command), {}, std::move(reply));
  });
  EXPECT_THAT(update, ReasonIs("REQUEST_ID_REUSED"));
}

TEST_P(ModelTest, PredictsAsTheNetworkDoes) {
  const Matrix inputs = RandomMatrix(DataType::kFloat32, 7, 5, 11);
  const auto outcome = Predict(*model_, inputs.Clone());
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->step, 0);
  Workspace workspace;
  network_->Forward(network_->InitialParameters(), inputs, {}, &workspace);
  EXPECT_TRUE(SameBits(outcome->outputs, workspace.outputs()));
}

TEST_P(ModelTest, PredictsInTheTargetsTerms) {
  const NetworkSpec spec = testing::DenseNetwork(4, {3}, IdentityActivation{},
                                                 SoftmaxCrossEntropyLoss{}, DataType::kFloat64);
  const auto model = CreateModel(&registry_, "classes", spec);
  const Matrix inputs = RandomMatrix(DataType::kFloat64, 6, 4, 1);
  const auto raw = Predict(*model, inputs.Clone(), /*raw=*/true);
  const auto probabilities = Predict(*model, inputs.Clone(), /*raw=*/false);
  for (std::int64_t i = 0; i < 6; ++i) {
    double sum = 0;
    for (std::int64_t d = 0; d < 3; ++d) sum += probabilities->outputs.At(i, d);
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_NEAR(std::log(probabilities->outputs.At(i, 1) / probabilities->outputs.At(i, 0)),
                raw->outputs.At(i, 1) - raw->outputs.At(i, 0), 1e-12);
  }
}

TEST_P(ModelTest, ForwardGivesEveryLayer) {
  const Matrix inputs = RandomMatrix(DataType::kFloat32, 3, 5, 2);
  const auto outcome = Await<ForwardOutcome>([&](Reply<ForwardOutcome> reply) {
    model_->Forward({.inputs = inputs.Clone()}, {}, std::move(reply));
  });
  ASSERT_THAT(outcome, IsOk());
  Workspace workspace;
  network_->Forward(network_->InitialParameters(), inputs, {.keep_all = true}, &workspace);
  ASSERT_EQ(outcome->pre_activations.size(), 2);
  ASSERT_EQ(outcome->activations.size(), 2);
  for (std::size_t l = 0; l < 2; ++l) {
    EXPECT_TRUE(SameBits(outcome->pre_activations[l], workspace.pre_activations[l]));
    EXPECT_TRUE(SameBits(outcome->activations[l], workspace.activations[l]));
  }
}

TEST_P(ModelTest, GradientsCrossFromOneNetworkToAnother) {
  const Batch batch = SampleBatch(*network_, 5);
  const auto gradient = [&](GradientCommand command) {
    return Await<GradientOutcome>([&](Reply<GradientOutcome> reply) {
      model_->Gradient(std::move(command), {}, std::move(reply));
    });
  };
  GradientCommand from_targets{.inputs = batch.inputs.Clone(), .input_gradient = true};
  from_targets.cotangent = Targets(std::get<Matrix>(batch.targets).Clone());
  const auto whole = gradient(std::move(from_targets));
  ASSERT_THAT(whole, IsOk());
  EXPECT_GT(whole->loss, 0);
  EXPECT_EQ(whole->input_gradient.rows(), 4);
  EXPECT_EQ(whole->input_gradient.cols(), 5);
  EXPECT_THAT(whole->parameters, ElementsAre(0, 1, 2, 3));

  // ∂L/∂w by hand: 2 (w - y) / (outputs rows).
  const Matrix w = Predict(*model_, batch.inputs.Clone())->outputs.Clone();
  Matrix output_gradient(DataType::kFloat32, 4, 2);
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t d = 0; d < 2; ++d) {
      const double residual = w.At(i, d) - std::get<Matrix>(batch.targets).At(i, d);
      output_gradient.Set(i, d, 2 * residual / 8);
    }
  }
  GradientCommand from_downstream{
      .inputs = batch.inputs.Clone(), .parameters = {3, 0}, .norms_only = true};
  from_downstream.cotangent = std::move(output_gradient);
  const auto norms = gradient(std::move(from_downstream));
  ASSERT_THAT(norms, IsOk());
  EXPECT_EQ(norms->loss, 0);
  EXPECT_TRUE(norms->gradients.empty());
  EXPECT_THAT(norms->parameters, ElementsAre(3, 0));
  ASSERT_EQ(norms->norms.size(), 2);
  const auto norm_of = [&](int i) {
    const ParameterInfo& parameter = network_->layout().parameters()[static_cast<std::size_t>(i)];
    return RangeNorm(whole->gradients, parameter.offset, parameter.size);
  };
  EXPECT_NEAR(norms->norms[0], norm_of(3), 1e-6);
  EXPECT_NEAR(norms->norms[1], norm_of(0), 1e-6);
  EXPECT_NEAR(norms->gradient_norm, whole->gradient_norm, 1e-6);
  EXPECT_EQ(Info(*model_)->step, 0);
}

TEST_P(ModelTest, SetsSomeParametersAndKeepsTheOthers) {
  ASSERT_THAT(Step(*model_, StepOn(0)), IsOk());
  const auto get = [&](std::vector<int> parameters) {
    return Await<GetParametersOutcome>([&](Reply<GetParametersOutcome> reply) {
      model_->GetParameters(std::move(parameters), {}, std::move(reply));
    });
  };
  const auto before = get({});
  ASSERT_THAT(before, IsOk());
  EXPECT_EQ(before->step, 1);
  EXPECT_THAT(before->parameters, ElementsAre(0, 1, 2, 3));

  SetParametersCommand command{.parameters = {2}, .expected_step = 1};
  command.values = Buffer(DataType::kFloat32, network_->layout().size());
  for (std::int64_t i = 0; i < command.values.size(); ++i) command.values.Set(i, 0.25);
  const auto set = Await<SetParametersOutcome>([&](Reply<SetParametersOutcome> reply) {
    model_->SetParameters(std::move(command), {}, std::move(reply));
  });
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->step, 2);

  const auto after = get({2, 0});
  EXPECT_EQ(after->step, 2);
  EXPECT_THAT(after->parameters, ElementsAre(2, 0));
  const auto& layout = network_->layout().parameters();
  for (const ParameterInfo& parameter : layout) {
    for (std::int64_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      EXPECT_EQ(after->snapshot.parameters().At(i),
                &parameter == &layout[2] ? 0.25 : before->snapshot.parameters().At(i));
    }
  }
  SetParametersCommand late{.parameters = {2}, .expected_step = 1};
  late.values = Buffer(DataType::kFloat32, network_->layout().size());
  const auto mismatch = Await<SetParametersOutcome>([&](Reply<SetParametersOutcome> reply) {
    model_->SetParameters(std::move(late), {}, std::move(reply));
  });
  EXPECT_THAT(mismatch, ReasonIs("STEP_MISMATCH"));
}

TEST_P(ModelTest, UpdateChangesSettingsButNoStep) {
  UpdateModelCommand command;
  command.optimizer = SampleOptimizer();
  command.optimizer->learning_rate = 0.125;
  command.labels.emplace()["team"] = "search";
  command.durability = Durability::kMemory;
  const auto info = Await<ModelInfo>(
      [&](Reply<ModelInfo> reply) { model_->Update(std::move(command), {}, std::move(reply)); });
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->step, 0);
  EXPECT_EQ(info->settings.labels.at("team"), "search");
  EXPECT_EQ(info->state_hash, Info(*model_)->state_hash);
  EXPECT_EQ(model_->settings().durability, Durability::kMemory);
  EXPECT_EQ(model_->settings().optimizer.learning_rate, 0.125);
  EXPECT_EQ(model_->Describe().settings.labels.at("team"), "search");
  EXPECT_EQ(Step(*model_, StepOn(0))->learning_rate, 0.125);

  UpdateModelCommand bad;
  bad.optimizer = SampleOptimizer();
  bad.optimizer->learning_rate = -1;
  const auto refused = Await<ModelInfo>(
      [&](Reply<ModelInfo> reply) { model_->Update(std::move(bad), {}, std::move(reply)); });
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_EQ(GetErrorDetails(refused.status()).field, "model.optimizer.learning_rate");
  EXPECT_EQ(model_->settings().optimizer.learning_rate, 0.125);
}

TEST_P(ModelTest, DescribesWhatChanged) {
  const ModelInfo created = model_->Describe();
  EXPECT_EQ(created.create_time, created.update_time);
  EXPECT_EQ(created.last_loss, 0);
  const auto outcome = Step(*model_, StepOn(0));
  const ModelInfo info = model_->Describe();
  EXPECT_EQ(info.step, 1);
  EXPECT_EQ(info.durable_step, 1);
  EXPECT_EQ(info.last_loss, outcome->loss);
  EXPECT_GT(info.update_time, created.update_time);
  EXPECT_EQ(info.create_time, created.create_time);
  EXPECT_EQ(info.settings.name, "m");
}

}  // namespace
}  // namespace descent::models
