#include "client/cli/commands/model_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/failure.h"
#include "client/cli/specs.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::HasSubstr;

v1::Model Build(const ModelOptions& options, int64_t features = 13, int64_t outputs = 1) {
  v1::Loss loss;
  loss.set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  return BuildModel(options, "house", features, outputs, loss).value();
}

TEST(BuildModelTest, HasTheDefaultsThatHelpNames) {
  const v1::Model model = Build({});
  EXPECT_EQ(model.name(), "house");
  EXPECT_EQ(ShapeOf(model.network()), "13-64-64-1");
  EXPECT_EQ(model.network().layers(0).dense().activation().kind(), v1::ACTIVATION_KIND_RELU);
  EXPECT_EQ(model.network().layers(1).dense().activation().kind(), v1::ACTIVATION_KIND_RELU);
  EXPECT_FALSE(model.network().layers(2).dense().has_activation());
  for (const v1::Layer& layer : model.network().layers()) {
    EXPECT_EQ(layer.dense().kernel_initializer().kind(), v1::INITIALIZER_KIND_FAN_IN_UNIFORM);
    EXPECT_EQ(layer.dense().bias_initializer().kind(), v1::INITIALIZER_KIND_FAN_IN_UNIFORM);
  }
  EXPECT_EQ(model.network().seed(), 0U);
  EXPECT_TRUE(model.optimizer().has_adam());
  EXPECT_EQ(model.optimizer().learning_rate(), 1e-3);
  EXPECT_FALSE(model.optimizer().has_schedule());
  EXPECT_FALSE(model.optimizer().has_clip_norm());
}

TEST(BuildModelTest, SaysWhatWasGiven) {
  const v1::Model model = Build({.layers = "8",
                                 .activation = "leaky_relu:alpha=0.3",
                                 .loss = std::nullopt,
                                 .optimizer = "rmsprop:centered=true",
                                 .learning_rate = 0.5,
                                 .schedule = "step:step_size=10",
                                 .warmup_steps = 5,
                                 .clip_norm = 2,
                                 .initializer = "he_normal",
                                 .data_type = "float64",
                                 .durability = "checkpoint",
                                 .seed = 7},
                                3, 2);
  EXPECT_EQ(ShapeOf(model.network()), "3-8-2");
  EXPECT_EQ(model.network().layers(0).dense().activation().alpha(), 0.3);
  EXPECT_EQ(model.network().data_type(), v1::DATA_TYPE_FLOAT64);
  EXPECT_EQ(model.durability(), v1::DURABILITY_CHECKPOINT);
  EXPECT_EQ(model.network().seed(), 7U);
  EXPECT_TRUE(model.optimizer().rmsprop().centered());
  EXPECT_EQ(model.optimizer().schedule().step().step_size(), 10);
  EXPECT_EQ(model.optimizer().schedule().warmup_steps(), 5);
  EXPECT_EQ(model.optimizer().clip_norm(), 2);
}

TEST(BuildModelTest, HasNoHiddenLayersIfToldSo) {
  ModelOptions options;
  options.layers = "none";
  EXPECT_EQ(ShapeOf(Build(options).network()), "13-1");
}

TEST(BuildModelTest, HasTheLayersAskedFor) {
  ModelOptions options;
  options.layers = "8x2";
  options.dropout = 0.1;
  options.layer_norm = true;
  options.residual = true;
  options.normalize = true;
  const v1::Model model = Build(options);
  EXPECT_EQ(model.network().layers(2).residual().layers_size(), 3);
  EXPECT_TRUE(model.network().has_input_normalization());
  EXPECT_TRUE(CheckModelOptions(options, model).ok()) << CheckModelOptions(options, model);
}

TEST(BuildModelTest, RefusesWhatIsOfHiddenLayersWithoutAny) {
  ModelOptions options;
  options.layers = "none";
  options.residual = true;
  EXPECT_EQ(Message(BuildModel(options, "house", 1, 1, {}).status()),
            "--residual is of the hidden layers, and --layers says that there are none");
}

TEST(BuildModelTest, RefusesADropoutThatIsNoShare) {
  for (const double rate : {1.0, -0.1}) {
    ModelOptions options;
    options.dropout = rate;
    EXPECT_THAT(Message(BuildModel(options, "house", 1, 1, {}).status()),
                testing::StartsWith("--dropout: expected a number in [0, 1), got "));
  }
}

TEST(BuildModelTest, RefusesAnUnknownDataType) {
  ModelOptions options;
  options.data_type = "int8";
  const absl::Status status = BuildModel(options, "house", 1, 1, {}).status();
  EXPECT_EQ(Message(status), "--data-type: \"int8\" is none of float32, float64");
}

TEST(BuildModelTest, RefusesAnUnknownDurability) {
  ModelOptions options;
  options.durability = "unspecified";
  const absl::Status status = BuildModel(options, "house", 1, 1, {}).status();
  EXPECT_EQ(Message(status),
            "--durability: \"unspecified\" is none of journal, checkpoint, memory");
}

// A model as a server describes it, with all hyperparameters said.
v1::Model Described() {
  v1::Model model = Build({});
  model.mutable_network()->set_data_type(v1::DATA_TYPE_FLOAT32);
  model.set_durability(v1::DURABILITY_JOURNAL);
  model.mutable_optimizer()->mutable_adam()->set_beta1(0.9);
  model.mutable_optimizer()->mutable_adam()->set_beta2(0.999);
  model.mutable_optimizer()->mutable_schedule()->mutable_constant();
  return model;
}

TEST(CheckModelOptionsTest, AcceptsWhatAgrees) {
  const v1::Model model = Described();
  EXPECT_TRUE(CheckModelOptions({}, model).ok());
  ModelOptions options;
  options.layers = "64,64";
  options.activation = "relu";
  options.loss = "mean_squared_error";
  options.optimizer = "adam:beta1=0.9";
  options.schedule = "constant";
  options.warmup_steps = 0;
  options.initializer = "fan_in_uniform";
  options.data_type = "float32";
  options.durability = "journal";
  EXPECT_TRUE(CheckModelOptions(options, model).ok()) << CheckModelOptions(options, model);
}

TEST(CheckModelOptionsTest, LeavesTheRunItsOwnRateAndSeed) {
  ModelOptions options;
  options.learning_rate = 1;
  options.seed = 99;
  EXPECT_TRUE(CheckModelOptions(options, Described()).ok());
}

TEST(CheckModelOptionsTest, RefusesEveryContradiction) {
  const auto refused = [](const char* option, const ModelOptions& options) {
    const absl::Status status = CheckModelOptions(options, Described());
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << option;
    EXPECT_THAT(Message(status), testing::StartsWith(option));
    EXPECT_THAT(Message(status), HasSubstr("is there already"));
  };
  ModelOptions options;
  options.layers = "64";
  refused("--layers", options);
  options = {};
  options.dropout = 0.1;
  refused("--dropout", options);
  options = {};
  options.layer_norm = true;
  refused("--layer-norm", options);
  options = {};
  options.residual = true;
  refused("--residual", options);
  options = {};
  options.normalize = true;
  refused("--normalize", options);
  options = {};
  options.activation = "tanh";
  refused("--activation", options);
  options = {};
  options.loss = "huber";
  refused("--loss", options);
  options = {};
  options.optimizer = "sgd";
  refused("--optimizer", options);
  options = {};
  options.optimizer = "adam:beta1=0.5";
  refused("--optimizer", options);
  options = {};
  options.schedule = "exponential:gamma=0.9";
  refused("--schedule", options);
  options = {};
  options.warmup_steps = 10;
  refused("--warmup-steps", options);
  options = {};
  options.clip_norm = 1;
  refused("--clip-norm", options);
  options = {};
  options.initializer = "zeros";
  refused("--initializer", options);
  options = {};
  options.data_type = "float64";
  refused("--data-type", options);
  options = {};
  options.durability = "memory";
  refused("--durability", options);
}

}  // namespace
}  // namespace descent::cli
