#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/wire/decode.h"
#include "server/wire/specs.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::FailsAt;
using descent::testing::IsOk;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// A model trained with Adam on a cosine schedule.
models::ModelSettings Current() {
  models::ModelSettings settings;
  settings.name = "m";
  settings.optimizer = *DecodeOptimizerSpec(FromText<v1::OptimizerSpec>(R"pb(
    learning_rate: 0.1
    adam { beta1: 0.8 weight_decay: 0.5 }
    schedule {
      cosine { period: 10 }
      warmup_steps: 3
    }
    clip_norm: 2
  )pb"));
  return settings;
}

auto Update(const std::string& text) {
  return Decode(FromText<v1::UpdateModelRequest>(text), Current());
}

TEST(DecodeUpdateTest, ChangesTheNamedHyperparametersAlone) {
  const auto command = Update(R"pb(
    model {
      name: "m"
      optimizer {
        learning_rate: 0.01
        adam { beta1: 0.7 beta2: 0.9 }
      }
    }
    update_mask { paths: "optimizer.learning_rate" paths: "optimizer.adam.beta2" }
    request_id: "r"
  )pb");
  ASSERT_THAT(command, IsOk());
  ASSERT_TRUE(command->optimizer.has_value());
  EXPECT_EQ(command->optimizer->learning_rate, 0.01);
  const auto& adam = std::get<AdamOptions>(command->optimizer->algorithm);
  EXPECT_EQ(adam.beta1, 0.8);
  EXPECT_EQ(adam.beta2, 0.9);
  EXPECT_EQ(adam.weight_decay, 0.5);
  EXPECT_EQ(command->optimizer->schedule.warmup_steps, 3);
  EXPECT_EQ(command->optimizer->clip_norm, 2);
  EXPECT_FALSE(command->durability.has_value());
  EXPECT_FALSE(command->labels.has_value());
  EXPECT_EQ(command->request.id, "r");
}

TEST(DecodeUpdateTest, ANamedFieldThatIsNotSetGetsItsDefault) {
  const auto command = Update(R"pb(
    model { name: "m" }
    update_mask {
      paths: "optimizer.adam.weight_decay"
      paths: "optimizer.schedule"
      paths: "optimizer.clip_norm"
    }
  )pb");
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(std::get<AdamOptions>(command->optimizer->algorithm).weight_decay, 0);
  EXPECT_TRUE(std::holds_alternative<ConstantSchedule>(command->optimizer->schedule.decay));
  EXPECT_EQ(command->optimizer->schedule.warmup_steps, 0);
  EXPECT_FALSE(command->optimizer->clip_norm.has_value());
}

TEST(DecodeUpdateTest, ReplacesTheWholeOptimizer) {
  const auto command = Update(R"pb(
    model {
      name: "m"
      optimizer {
        learning_rate: 0.2
        lion {}
      }
    }
    update_mask { paths: "optimizer" }
  )pb");
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->optimizer->learning_rate, 0.2);
  EXPECT_TRUE(std::holds_alternative<LionOptions>(command->optimizer->algorithm));
  EXPECT_FALSE(command->optimizer->clip_norm.has_value());
}

TEST(DecodeUpdateTest, ReplacesTheAlgorithmAlone) {
  const auto command = Update(R"pb(
    model {
      name: "m"
      optimizer { sgd { momentum: 0.9 } }
    }
    update_mask { paths: "optimizer.sgd" }
  )pb");
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->optimizer->learning_rate, 0.1);
  EXPECT_EQ(std::get<SgdOptions>(command->optimizer->algorithm).momentum, 0.9);
}

TEST(DecodeUpdateTest, ChangesDurabilityAndLabels) {
  const auto command = Update(R"pb(
    model {
      name: "m"
      durability: DURABILITY_MEMORY
      labels { key: "a" value: "b" }
    }
    update_mask { paths: "durability" paths: "labels" }
  )pb");
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->durability, models::Durability::kMemory);
  EXPECT_THAT(*command->labels, UnorderedElementsAre(Pair("a", "b")));
  EXPECT_FALSE(command->optimizer.has_value());
}

TEST(DecodeUpdateTest, ChangesTheClientsData) {
  const auto command = Update("model { name: 'm' client_data: 'columns' }");
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->client_data->text(), "columns");
  EXPECT_FALSE(command->labels.has_value());
  const auto cleared = Update("model { name: 'm' } update_mask { paths: 'client_data' }");
  ASSERT_THAT(cleared, IsOk());
  EXPECT_TRUE(cleared->client_data->empty());
}

TEST(DecodeUpdateTest, WithoutAMaskWhatIsSetChanges) {
  const auto command =
      Update("model { name: 'm' optimizer { learning_rate: 1 sgd {} } labels { key: 'a' } }");
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->optimizer->learning_rate, 1);
  EXPECT_TRUE(command->labels.has_value());
  EXPECT_FALSE(command->durability.has_value());
}

struct BadUpdate {
  const char* name;
  const char* request;
  const char* field;
  const char* reason;
};

constexpr BadUpdate kBadUpdates[] = {
    {"NothingToChange", "model { name: 'm' }", "update_mask", "REQUIRED_FIELD"},
    {"EmptyMask", "model { name: 'm' durability: DURABILITY_MEMORY } update_mask {}", "update_mask",
     "REQUIRED_FIELD"},
    {"NetworkWithoutMask", "model { name: 'm' network { seed: 1 } }", "model.network",
     "CONTRADICTORY_FIELDS"},
    {"StepWithoutMask", "model { name: 'm' step: 4 }", "model.step", "CONTRADICTORY_FIELDS"},
    {"NetworkInMask", "model { name: 'm' network { seed: 1 } } update_mask { paths: 'network' }",
     "update_mask", "INVALID_FIELD"},
    {"SeedInMask", "model { name: 'm' } update_mask { paths: 'network.seed' }", "update_mask",
     "INVALID_FIELD"},
    {"NameInMask", "model { name: 'm' } update_mask { paths: 'name' }", "update_mask",
     "INVALID_FIELD"},
    {"UnknownPath", "model { name: 'm' } update_mask { paths: 'optimizer.speed' }", "update_mask",
     "INVALID_FIELD"},
    {"PathIntoANumber", "model { name: 'm' } update_mask { paths: 'optimizer.clip_norm.x' }",
     "update_mask", "INVALID_FIELD"},
    {"PathLikeTheOptimizer", "model { name: 'm' } update_mask { paths: 'optimizers' }",
     "update_mask", "INVALID_FIELD"},
    {"EmptyPath", "model { name: 'm' } update_mask { paths: '' }", "update_mask", "INVALID_FIELD"},
    {"OneLabel", "model { name: 'm' } update_mask { paths: 'labels.a' }", "update_mask",
     "INVALID_FIELD"},
    {"HyperparameterOfAnotherAlgorithm",
     "model { name: 'm' optimizer { sgd { momentum: 1 } } } "
     "update_mask { paths: 'optimizer.sgd.momentum' }",
     "update_mask", "CONTRADICTORY_FIELDS"},
    {"ParameterOfAnotherSchedule",
     "model { name: 'm' } update_mask { paths: 'optimizer.schedule.step.gamma' }", "update_mask",
     "CONTRADICTORY_FIELDS"},
    {"NoOptimizer", "model { name: 'm' } update_mask { paths: 'optimizer' }", "model.optimizer",
     "REQUIRED_FIELD"},
    {"NoAlgorithm",
     "model { name: 'm' optimizer { learning_rate: 1 } } update_mask { paths: 'optimizer' }",
     "model.optimizer.algorithm", "REQUIRED_FIELD"},
    {"NoLearningRate", "model { name: 'm' } update_mask { paths: 'optimizer.learning_rate' }",
     "model.optimizer.learning_rate", "REQUIRED_FIELD"},
    {"UnknownDurability", "model { name: 'm' durability: 44 } update_mask { paths: 'durability' }",
     "model.durability", "UNKNOWN_ENUM_VALUE"},
    {"BadLabel", "model { name: 'm' labels { key: '' } } update_mask { paths: 'labels' }",
     "model.labels", "INVALID_FIELD"},
};

class BadUpdateTest : public ::testing::TestWithParam<BadUpdate> {};

TEST_P(BadUpdateTest, IsRefusedByFieldAndReason) {
  EXPECT_THAT(Update(GetParam().request), FailsAt(GetParam().field, GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(All, BadUpdateTest, ::testing::ValuesIn(kBadUpdates),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace descent::wire
