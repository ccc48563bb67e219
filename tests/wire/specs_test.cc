#include "server/wire/specs.h"

#include <functional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/layers/kinds.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "server/wire/kinds.h"
#include "server/wire/spec_parts.h"
#include "tests/support/parameters.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::FailsAt;
using descent::testing::IsOk;
using descent::testing::WithParameters;
using google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// A model that says everything it can.
v1::Model FullModel() {
  return FromText<v1::Model>(R"pb(
    name: "adult-1.income_model"
    network {
      input_features: 13
      layers {
        dense {
          units: 64
          activation { kind: ACTIVATION_KIND_LEAKY_RELU alpha: 0.02 }
          kernel_initializer { kind: INITIALIZER_KIND_HE_NORMAL scale: 0.5 }
          bias_initializer { kind: INITIALIZER_KIND_CONSTANT scale: 0.1 }
        }
      }
      layers {
        dense {
          units: 2
          activation { kind: ACTIVATION_KIND_IDENTITY }
          omit_bias: true
        }
      }
      layers { layer_norm { epsilon: 0.001 omit_bias: true } }
      layers {
        residual {
          layers { dropout { rate: 0.25 } }
          layers {
            residual {
              layers {
                dense {
                  units: 2
                  activation { kind: ACTIVATION_KIND_TANH }
                }
              }
            }
          }
        }
      }
      input_normalization { epsilon: 0.01 freeze_after_rows: 1000 half_life_rows: 50 }
      categorical_inputs {
        name: "shop"
        buckets: 5000
        dimension: 16
        hashing: HASHING_XXH64
        combiner: COMBINER_MEAN
        initializer { kind: INITIALIZER_KIND_CONSTANT scale: 0.1 }
      }
      categorical_inputs {
        name: "color"
        buckets: 12
        dimension: 4
        hashing: HASHING_NONE
        combiner: COMBINER_SUM
      }
      loss { kind: LOSS_KIND_SOFTMAX_CROSS_ENTROPY label_smoothing: 0.1 }
      data_type: DATA_TYPE_FLOAT64
      seed: 18446744073709551615
    }
    optimizer {
      learning_rate: 0.001
      adamw { beta1: 0.8 beta2: 0.99 epsilon: 1e-7 weight_decay: 0.1 amsgrad: true }
      schedule {
        cosine { period: 100 period_multiplier: 2 minimum_learning_rate: 1e-5 }
        warmup_steps: 10
      }
      clip_norm: 1
      clip_value: 0.5
      exclude_bias_from_weight_decay: true
    }
    durability: DURABILITY_CHECKPOINT
    labels { key: "owner" value: "risk" }
    labels { key: "stage" value: "" }
  )pb");
}

models::ModelInfo InfoOf(const models::ModelSettings& settings) {
  models::ModelInfo info;
  info.settings = settings;
  return info;
}

// The part of an answer that its owner decided.
v1::Model SettingsOf(const models::ModelInfo& info) {
  v1::Model model;
  EncodeModel(info, &model);
  model.clear_create_time();
  model.clear_update_time();
  return model;
}

TEST(SpecsTest, AModelThatSaysEverythingRoundTrips) {
  const auto settings = DecodeModelSettings(FullModel());
  ASSERT_THAT(settings, IsOk());
  const v1::Model answer = SettingsOf(InfoOf(*settings));
  EXPECT_TRUE(MessageDifferencer::Equals(answer, FullModel())) << answer.DebugString();
}

// What a model that says as little as it can is answered to be.
TEST(SpecsTest, AnswersSayTheDefaults) {
  const auto settings = DecodeModelSettings(FromText<v1::Model>(R"pb(
    name: "m"
    network {
      input_features: 1
      layers { dense { units: 1 } }
      loss { kind: LOSS_KIND_MEAN_SQUARED_ERROR }
    }
    optimizer {
      learning_rate: 0.1
      sgd {}
    }
  )pb"));
  ASSERT_THAT(settings, IsOk());
  const v1::Model answer = SettingsOf(InfoOf(*settings));
  EXPECT_TRUE(MessageDifferencer::Equals(answer, FromText<v1::Model>(R"pb(
                                           name: "m"
                                           network {
                                             input_features: 1
                                             layers {
                                               dense {
                                                 units: 1
                                                 activation { kind: ACTIVATION_KIND_IDENTITY }
                                               }
                                             }
                                             loss { kind: LOSS_KIND_MEAN_SQUARED_ERROR }
                                             data_type: DATA_TYPE_FLOAT32
                                           }
                                           optimizer {
                                             learning_rate: 0.1
                                             sgd { momentum: 0 nesterov: false weight_decay: 0 }
                                             schedule { constant {} }
                                           }
                                           durability: DURABILITY_JOURNAL
                                         )pb")))
      << answer.DebugString();
}

TEST(SpecsTest, AnswersSayWhereTheTrainingStands) {
  const auto settings = DecodeModelSettings(FullModel());
  ASSERT_THAT(settings, IsOk());
  models::ModelInfo info = InfoOf(*settings);
  info.step = 12;
  info.durable_step = 11;
  info.parameter_count = 1024;
  info.create_time = absl::FromUnixNanos(1500000000000000001);
  info.update_time = absl::FromUnixNanos(1500000001000000002);
  info.last_loss = 0.25;
  info.state_hash = 18446744073709551615U;
  v1::Model model;
  EncodeModel(info, &model);
  EXPECT_EQ(model.step(), 12);
  EXPECT_EQ(model.durable_step(), 11);
  EXPECT_EQ(model.parameter_count(), 1024);
  EXPECT_EQ(model.create_time().seconds(), 1500000000);
  EXPECT_EQ(model.create_time().nanos(), 1);
  EXPECT_EQ(model.update_time().seconds(), 1500000001);
  EXPECT_EQ(model.update_time().nanos(), 2);
  EXPECT_EQ(model.last_loss(), 0.25);
  EXPECT_EQ(model.state_hash(), 18446744073709551615U);
}

// Every kind of every family, through a whole model and back.

void ExpectRoundTrip(const std::function<void(v1::Model*)>& change) {
  v1::Model sent = FullModel();
  change(&sent);
  const auto settings = DecodeModelSettings(sent);
  ASSERT_THAT(settings, IsOk()) << sent.DebugString();
  const v1::Model answer = SettingsOf(InfoOf(*settings));
  EXPECT_TRUE(MessageDifferencer::Equals(answer, sent)) << answer.DebugString();
}

TEST(SpecsTest, EveryActivationRoundTrips) {
  for (const auto& row : ActivationRows()) {
    ExpectRoundTrip([&](v1::Model* model) {
      auto* activation =
          model->mutable_network()->mutable_layers(0)->mutable_dense()->mutable_activation();
      activation->Clear();
      EncodeKind(WithParameters(row.core, 0.75), ActivationRows(), activation);
    });
  }
}

TEST(SpecsTest, EveryLayerRoundTrips) {
  for (const LayerInfo& info : Layers()) {
    SCOPED_TRACE(std::string(info.name));
    NetworkSpec spec;
    spec.layers = {info.example};
    v1::NetworkSpec message;
    EncodeNetworkSpec(spec, &message);
    const auto decoded = DecodeNetworkSpec(message);
    ASSERT_THAT(decoded, IsOk());
    ASSERT_EQ(decoded->layers.size(), 1);
    EXPECT_EQ(decoded->layers[0].index(), info.example.index());
    // Its case is named like its kind, and what it says is all there.
    EXPECT_TRUE(FindField(message.layers(0), std::string(info.name).c_str()) != nullptr);
    v1::NetworkSpec again;
    EncodeNetworkSpec(*decoded, &again);
    EXPECT_TRUE(MessageDifferencer::Equals(message, again));
  }
}

TEST(SpecsTest, LayersHaveTheirDefaults) {
  const auto spec = DecodeNetworkSpec(FromText<v1::NetworkSpec>(R"pb(
    input_features: 2
    layers { layer_norm {} }
    loss { kind: LOSS_KIND_HUBER }
    input_normalization {})pb"));
  ASSERT_THAT(spec, IsOk());
  EXPECT_EQ(std::get<LayerNormSpec>(spec->layers[0]).epsilon, 1e-5);
  EXPECT_EQ(spec->input_normalization->epsilon, 1e-8);
}

TEST(SpecsTest, EveryInitializerRoundTrips) {
  for (const auto& row : InitializerRows()) {
    ExpectRoundTrip([&](v1::Model* model) {
      auto* dense = model->mutable_network()->mutable_layers(0)->mutable_dense();
      dense->mutable_kernel_initializer()->Clear();
      dense->mutable_kernel_initializer()->set_kind(row.wire);
      dense->mutable_bias_initializer()->Clear();
      dense->mutable_bias_initializer()->set_kind(row.wire);
    });
  }
}

TEST(SpecsTest, EveryLossRoundTrips) {
  for (const auto& row : LossRows()) {
    ExpectRoundTrip([&](v1::Model* model) {
      auto* loss = model->mutable_network()->mutable_loss();
      loss->Clear();
      EncodeKind(WithParameters(row.core, 0.75), LossRows(), loss);
    });
  }
}

// Sets each parameter of the message's family beside each kind: what `Decode` does not take is
// refused by its name, and what it takes is not.
template <typename Message, typename Rows, typename Decode>
void ExpectOnlyItsParameters(const Rows& rows, const Decode& decode) {
  for (const auto& row : rows) {
    Message taken;
    EncodeKind(row.core, rows, &taken);
    for (int i = 0; i < Message::descriptor()->field_count(); ++i) {
      const auto* const field = Message::descriptor()->field(i);
      if (field->name() == "kind") continue;
      Message message;
      message.set_kind(row.wire);
      Message::GetReflection()->SetDouble(&message, field, 0.5);
      const auto decoded = decode(message);
      if (Message::GetReflection()->HasField(taken, field)) {
        EXPECT_THAT(decoded, IsOk()) << message.ShortDebugString();
      } else {
        EXPECT_THAT(decoded, FailsAt(field->name(), "INVALID_FIELD")) << message.ShortDebugString();
        EXPECT_THAT(decoded.status().message(), HasSubstr("not taken by "));
      }
    }
  }
}

TEST(SpecsTest, KindsTakeNoParametersOfOthers) {
  ExpectOnlyItsParameters<v1::Loss>(
      LossRows(), [](const auto& message) { return DecodeKind(message, LossRows()); });
  ExpectOnlyItsParameters<v1::Activation>(
      ActivationRows(), [](const auto& message) { return DecodeKind(message, ActivationRows()); });
}

TEST(SpecsTest, EveryDataTypeOfNetworksRoundTrips) {
  for (const auto& row : NetworkDataTypeRows()) {
    ExpectRoundTrip([&](v1::Model* model) { model->mutable_network()->set_data_type(row.wire); });
  }
}

TEST(SpecsTest, EveryDurabilityRoundTrips) {
  for (const auto& row : DurabilityRows()) {
    ExpectRoundTrip([&](v1::Model* model) { model->set_durability(row.wire); });
  }
}

struct BadModel {
  const char* name;
  std::function<void(v1::Model*)> change;  // what makes the full model bad
  const char* field;
  const char* reason;
};

v1::DenseLayer* Dense(v1::Model* model, int layer) {
  return model->mutable_network()->mutable_layers(layer)->mutable_dense();
}

const BadModel kBadModels[] = {
    {"NoName", [](auto* m) { m->clear_name(); }, "name", "REQUIRED_FIELD"},
    {"UpperCaseName", [](auto* m) { m->set_name("Model"); }, "name", "INVALID_NAME"},
    {"NoNetwork", [](auto* m) { m->clear_network(); }, "network", "REQUIRED_FIELD"},
    {"NoOptimizer", [](auto* m) { m->clear_optimizer(); }, "optimizer", "REQUIRED_FIELD"},
    {"Step", [](auto* m) { m->set_step(1); }, "step", "OUTPUT_ONLY_FIELD"},
    {"DurableStep", [](auto* m) { m->set_durable_step(1); }, "durable_step", "OUTPUT_ONLY_FIELD"},
    {"ParameterCount", [](auto* m) { m->set_parameter_count(1); }, "parameter_count",
     "OUTPUT_ONLY_FIELD"},
    {"CreateTime", [](auto* m) { m->mutable_create_time(); }, "create_time", "OUTPUT_ONLY_FIELD"},
    {"UpdateTime", [](auto* m) { m->mutable_update_time(); }, "update_time", "OUTPUT_ONLY_FIELD"},
    {"LastLoss", [](auto* m) { m->set_last_loss(1); }, "last_loss", "OUTPUT_ONLY_FIELD"},
    {"StateHash", [](auto* m) { m->set_state_hash(1); }, "state_hash", "OUTPUT_ONLY_FIELD"},
    {"UnknownDurability", [](auto* m) { m->set_durability(static_cast<v1::Durability>(9)); },
     "durability", "UNKNOWN_ENUM_VALUE"},
    {"EmptyLabel", [](auto* m) { (*m->mutable_labels())[""] = "x"; }, "labels", "INVALID_FIELD"},
    {"LongLabel", [](auto* m) { (*m->mutable_labels())[std::string(64, 'k')] = "x"; }, "labels",
     "INVALID_FIELD"},
    {"LongLabelValues",
     [](auto* m) {
       for (const char* key : {"k", "l"}) (*m->mutable_labels())[key] = std::string(16385, 'v');
     },
     "labels", "INVALID_FIELD"},
    {"ManyLabels",
     [](auto* m) {
       for (int i = 0; i < 65; ++i) (*m->mutable_labels())[absl::StrCat(i)] = "x";
     },
     "labels", "INVALID_FIELD"},
    {"LongClientData", [](auto* m) { m->set_client_data(std::string((2 << 20) + 1, 'd')); },
     "client_data", "INVALID_FIELD"},
    {"NoLoss", [](auto* m) { m->mutable_network()->clear_loss(); }, "network.loss",
     "REQUIRED_FIELD"},
    {"NoLossKind", [](auto* m) { m->mutable_network()->mutable_loss()->clear_kind(); },
     "network.loss.kind", "REQUIRED_FIELD"},
    {"ParameterOfAnotherLoss",
     [](auto* m) { m->mutable_network()->mutable_loss()->set_delta(0.5); }, "network.loss.delta",
     "INVALID_FIELD"},
    {"ParameterOfAnotherActivation",
     [](auto* m) { Dense(m, 1)->mutable_activation()->set_alpha(0.5); },
     "network.layers[1].dense.activation.alpha", "INVALID_FIELD"},
    {"UnknownLoss",
     [](auto* m) {
       m->mutable_network()->mutable_loss()->set_kind(static_cast<v1::LossKind>(1000));
     },
     "network.loss.kind", "UNKNOWN_ENUM_VALUE"},
    {"IntegerNetwork", [](auto* m) { m->mutable_network()->set_data_type(v1::DATA_TYPE_INT32); },
     "network.data_type", "WRONG_DATA_TYPE"},
    {"UnknownNetworkType",
     [](auto* m) { m->mutable_network()->set_data_type(static_cast<v1::DataType>(77)); },
     "network.data_type", "WRONG_DATA_TYPE"},
    {"LayerWithoutKind", [](auto* m) { m->mutable_network()->add_layers(); },
     "network.layers[4].kind", "REQUIRED_FIELD"},
    {"LayerOfAResidualWithoutKind",
     [](auto* m) { m->mutable_network()->mutable_layers(3)->mutable_residual()->add_layers(); },
     "network.layers[3].residual.layers[2].kind", "REQUIRED_FIELD"},
    {"NoActivationKind", [](auto* m) { Dense(m, 0)->mutable_activation()->clear_kind(); },
     "network.layers[0].dense.activation.kind", "REQUIRED_FIELD"},
    {"UnknownActivation",
     [](auto* m) {
       Dense(m, 1)->mutable_activation()->set_kind(static_cast<v1::ActivationKind>(-1));
     },
     "network.layers[1].dense.activation.kind", "UNKNOWN_ENUM_VALUE"},
    {"UnknownInitializer",
     [](auto* m) {
       Dense(m, 0)->mutable_kernel_initializer()->set_kind(static_cast<v1::InitializerKind>(99));
     },
     "network.layers[0].dense.kernel_initializer.kind", "UNKNOWN_ENUM_VALUE"},
    {"ScaledZeros",
     [](auto* m) {
       Dense(m, 0)->mutable_kernel_initializer()->set_kind(v1::INITIALIZER_KIND_ZEROS);
     },
     "network.layers[0].dense.kernel_initializer.scale", "CONTRADICTORY_FIELDS"},
    {"ScaleOfADefaultBias", [](auto* m) { Dense(m, 0)->mutable_bias_initializer()->clear_kind(); },
     "network.layers[0].dense.bias_initializer.scale", "CONTRADICTORY_FIELDS"},
    {"InitializerOfAnOmittedBias", [](auto* m) { Dense(m, 1)->mutable_bias_initializer(); },
     "network.layers[1].dense.bias_initializer", "CONTRADICTORY_FIELDS"},
    {"NoLearningRate", [](auto* m) { m->mutable_optimizer()->clear_learning_rate(); },
     "optimizer.learning_rate", "REQUIRED_FIELD"},
    {"NoAlgorithm", [](auto* m) { m->mutable_optimizer()->clear_algorithm(); },
     "optimizer.algorithm", "REQUIRED_FIELD"},
};

class BadModelTest : public ::testing::TestWithParam<BadModel> {};

TEST_P(BadModelTest, IsRefusedByFieldAndReason) {
  v1::Model model = FullModel();
  GetParam().change(&model);
  EXPECT_THAT(DecodeModelSettings(model), FailsAt(GetParam().field, GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(All, BadModelTest, ::testing::ValuesIn(kBadModels),
                         [](const auto& test) { return test.param.name; });

TEST(ModelNameTest, IsWhatTheContractAllows) {
  const std::string longest(63, 'm');
  for (const std::string& name :
       {std::string("a"), std::string("a0"), std::string("m.-_9"), longest}) {
    EXPECT_THAT(CheckModelName("name", name), IsOk()) << name;
  }
  for (const std::string& name :
       {std::string("0a"), std::string("A"), std::string("-a"), std::string(".a"),
        std::string("_a"), std::string("a b"), std::string("a/b"), std::string("aB"),
        std::string("\xc3\xa4"), std::string("a\0", 2), absl::StrCat(longest, "m")}) {
    EXPECT_THAT(CheckModelName("name", name), FailsAt("name", "INVALID_NAME")) << name;
  }
}

TEST(ScheduleTest, AWarmUpNeedsNoDecay) {
  const auto spec = DecodeOptimizerSpec(
      FromText<v1::OptimizerSpec>("learning_rate: 1 sgd {} schedule { warmup_steps: 5 }"));
  ASSERT_THAT(spec, IsOk());
  EXPECT_EQ(spec->schedule.warmup_steps, 5);
  EXPECT_TRUE(std::holds_alternative<ConstantSchedule>(spec->schedule.decay));
}

}  // namespace
}  // namespace descent::wire
