#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/wire/decode.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::DenseNetwork;
using descent::testing::FailsAt;
using descent::testing::IsOk;
using descent::testing::MakeNetwork;
using descent::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

v1::CreateModelRequest CreateRequest() {
  return FromText<v1::CreateModelRequest>(R"pb(
    model {
      name: "m"
      network {
        input_features: 2
        layers { dense { units: 1 } }
        loss { kind: LOSS_KIND_MEAN_SQUARED_ERROR }
      }
      optimizer {
        learning_rate: 0.1
        sgd { momentum: 0.9 }
      }
      labels { key: "a" value: "b" }
    }
    request_id: "r"
  )pb");
}

TEST(DecodeCreateTest, HandsOnWhatWasAskedFor) {
  const auto command = Decode(CreateRequest());
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->settings.name, "m");
  EXPECT_EQ(command->settings.network.input_features, 2);
  EXPECT_EQ(std::get<SgdOptions>(command->settings.optimizer.algorithm).momentum, 0.9);
  EXPECT_THAT(command->settings.labels, UnorderedElementsAre(Pair("a", "b")));
  EXPECT_EQ(command->request.id, "r");
}

TEST(DecodeCreateTest, FingerprintsThePayloadAlone) {
  const auto fingerprint = [](const std::function<void(v1::CreateModelRequest*)>& change) {
    v1::CreateModelRequest request = CreateRequest();
    change(&request);
    return Decode(request)->request.fingerprint;
  };
  const std::uint64_t plain = fingerprint([](auto*) {});
  EXPECT_NE(plain, 0U);
  EXPECT_EQ(fingerprint([](auto* r) { r->set_request_id("another"); }), plain);
  EXPECT_EQ(fingerprint([](auto* r) { r->clear_request_id(); }), 0U);
  EXPECT_NE(fingerprint([](auto* r) { r->mutable_model()->set_name("n"); }), plain);
  EXPECT_NE(fingerprint([](auto* r) { r->mutable_model()->mutable_network()->set_seed(1); }),
            plain);
}

TEST(DecodeCreateTest, ErrorsNameTheFieldFromTheRequest) {
  EXPECT_THAT(Decode(v1::CreateModelRequest()), FailsAt("model", "REQUIRED_FIELD"));
  v1::CreateModelRequest request = CreateRequest();
  request.mutable_model()->mutable_network()->mutable_loss()->clear_kind();
  const auto command = Decode(request);
  EXPECT_THAT(command, FailsAt("model.network.loss.kind", "REQUIRED_FIELD"));
  EXPECT_EQ(command.status().message(), "model.network.loss.kind: required");
}

TEST(DecodeCreateTest, RefusesALongRequestId) {
  v1::CreateModelRequest request = CreateRequest();
  request.set_request_id(std::string(128, 'r'));
  EXPECT_THAT(Decode(request), IsOk());
  request.set_request_id(std::string(129, 'r'));
  EXPECT_THAT(Decode(request), FailsAt("request_id", "INVALID_FIELD"));
}

TEST(DecodeCreateTest, RefusesWhatItDoesNotKnow) {
  v1::CreateModelRequest request = CreateRequest();
  auto* sgd = request.mutable_model()->mutable_optimizer()->mutable_sgd();
  sgd->GetReflection()->MutableUnknownFields(sgd)->AddVarint(17, 1);
  EXPECT_THAT(Decode(request), FailsAt("model.optimizer.sgd", "UNKNOWN_FIELD"));
}

TEST(DecodeDeleteTest, NeedsAGoodName) {
  const auto command = Decode(FromText<v1::DeleteModelRequest>("name: 'm' request_id: 'r'"));
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->name, "m");
  EXPECT_EQ(command->request.id, "r");
  EXPECT_THAT(Decode(v1::DeleteModelRequest()), FailsAt("name", "REQUIRED_FIELD"));
  EXPECT_THAT(Decode(FromText<v1::DeleteModelRequest>("name: 'M'")),
              FailsAt("name", "INVALID_NAME"));
}

TEST(DecodeListTest, TakesAPage) {
  const auto command = Decode(FromText<v1::ListModelsRequest>("page_size: 7 page_token: 't'"));
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->page_size, 7);
  EXPECT_EQ(command->page_token, "t");
  EXPECT_THAT(Decode(FromText<v1::ListModelsRequest>("page_size: -1")),
              FailsAt("page_size", "INVALID_FIELD"));
}

TEST(ModelNameTest, IsFoundInEveryRequest) {
  const auto name = [](const auto& request) { return ModelName(request).value_or("?"); };
  EXPECT_EQ(name(FromText<v1::GetModelRequest>("name: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::UpdateModelRequest>("model { name: 'm' }")), "m");
  EXPECT_EQ(name(FromText<v1::GetParametersRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::SetParametersRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::CreateCheckpointRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::ListCheckpointsRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::ListHistoryRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::RestoreCheckpointRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::DeleteCheckpointRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::ForwardRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::GradientRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::StepRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::PredictRequest>("model: 'm'")), "m");
  EXPECT_EQ(name(FromText<v1::TrainRequest>("start { model: 'm' }")), "m");
  EXPECT_EQ(name(FromText<v1::EvaluateRequest>("model: 'm'")), "m");
}

TEST(ModelNameTest, ErrorsNameTheFieldFromTheRequest) {
  EXPECT_THAT(ModelName(v1::GetModelRequest()), FailsAt("name", "REQUIRED_FIELD"));
  EXPECT_THAT(ModelName(v1::UpdateModelRequest()), FailsAt("model.name", "REQUIRED_FIELD"));
  EXPECT_THAT(ModelName(v1::PredictRequest()), FailsAt("model", "REQUIRED_FIELD"));
  EXPECT_THAT(ModelName(v1::TrainRequest()), FailsAt("start", "REQUIRED_FIELD"));
  EXPECT_THAT(ModelName(FromText<v1::TrainRequest>("start { model: '?' }")),
              FailsAt("start.model", "INVALID_NAME"));
}

class ParametersTest : public ::testing::Test {
 protected:
  // layers.0.kernel [2, 3], layers.0.bias [3], layers.1.kernel [3, 1], layers.1.bias [1].
  const std::shared_ptr<const Network> network_ = MakeNetwork(
      DenseNetwork(2, {3, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32));

  auto Set(const std::string& text) const {
    return Decode(FromText<v1::SetParametersRequest>("model: 'm' " + text), *network_);
  }
};

TEST_F(ParametersTest, NamesBecomeIndicesInTheOrderAskedFor) {
  const auto get = [&](const char* text) {
    return Decode(FromText<v1::GetParametersRequest>(text), *network_);
  };
  EXPECT_THAT(*get("model: 'm'"), IsEmpty());
  EXPECT_THAT(*get("names: 'layers.1.bias' names: 'layers.0.kernel'"), ElementsAre(3, 0));
  EXPECT_THAT(get("names: 'layers.0.bias' names: 'layers.0.bias'"),
              FailsAt("names[1]", "CONTRADICTORY_FIELDS"));
  EXPECT_THAT(get("names: ''"), FailsAt("names[0]", "REQUIRED_FIELD"));
  const auto missing = get("names: 'layers.2.bias'");
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kNotFound,
                                "names[0]: the network has no parameter \"layers.2.bias\""));
  EXPECT_EQ(GetErrorDetails(missing.status()).reason, "PARAMETER_NOT_FOUND");
}

constexpr char kTwoParameters[] = R"pb(
  parameters {
    name: "layers.0.bias"
    tensor {
      data_type: DATA_TYPE_FLOAT32
      shape: 3
      floats { values: [ 1, 2, 3 ] }
    }
  }
  parameters {
    name: "layers.1.kernel"
    tensor {
      data_type: DATA_TYPE_FLOAT32
      shape: 3
      shape: 1
      floats { values: [ 4, 5, 6 ] }
    }
  }
)pb";

TEST_F(ParametersTest, ValuesAreLaidOut) {
  const auto command =
      Set(std::string(kTwoParameters) + "expected_step: 5 keep_optimizer_state: true");
  ASSERT_THAT(command, IsOk());
  EXPECT_THAT(command->parameters, ElementsAre(1, 2));
  EXPECT_EQ(command->expected_step, 5);
  EXPECT_TRUE(command->keep_optimizer_state);
  ASSERT_EQ(command->values.size(), network_->layout().size());
  std::vector<double> expected(static_cast<std::size_t>(command->values.size()));
  for (int i = 0; i < 3; ++i) {
    expected[static_cast<std::size_t>(network_->layout().parameters()[1].offset + i)] = 1 + i;
    expected[static_cast<std::size_t>(network_->layout().parameters()[2].offset + i)] = 4 + i;
  }
  for (std::int64_t i = 0; i < command->values.size(); ++i) {
    EXPECT_EQ(command->values.At(i), expected[static_cast<std::size_t>(i)]) << i;
  }
}

TEST_F(ParametersTest, BadOnesAreRefused) {
  EXPECT_THAT(Set(""), FailsAt("parameters", "REQUIRED_FIELD"));
  EXPECT_THAT(Set(std::string(kTwoParameters) + "expected_step: -1"),
              FailsAt("expected_step", "INVALID_FIELD"));
  EXPECT_THAT(Set("parameters { name: 'layers.0.bias' }"),
              FailsAt("parameters[0].tensor", "REQUIRED_FIELD"));
  EXPECT_THAT(Set("parameters {}"), FailsAt("parameters[0].name", "REQUIRED_FIELD"));
  EXPECT_THAT(Set(std::string(kTwoParameters) + kTwoParameters),
              FailsAt("parameters[2].name", "CONTRADICTORY_FIELDS"));
  EXPECT_THAT(Set("parameters { name: 'w' }"),
              StatusIs(absl::StatusCode::kNotFound,
                       "parameters[0].name: the network has no parameter \"w\""));
  EXPECT_THAT(Set("parameters { name: 'layers.0.bias' tensor { data_type: DATA_TYPE_FLOAT64 "
                  "shape: 3 doubles { values: [1, 2, 3] } } }"),
              FailsAt("parameters[0].tensor.data_type", "WRONG_DATA_TYPE"));
  const auto transposed =
      Set("parameters { name: 'layers.0.kernel' tensor { data_type: DATA_TYPE_FLOAT32 "
          "shape: 3 shape: 2 floats { values: [1, 2, 3, 4, 5, 6] } } }");
  EXPECT_THAT(transposed, FailsAt("parameters[0].tensor", "WRONG_SHAPE"));
  EXPECT_EQ(transposed.status().message(),
            "parameters[0].tensor: expected shape [2, 3], got [3, 2]");
  EXPECT_EQ(GetErrorDetails(transposed.status()).metadata.at("parameter"), "layers.0.kernel");
}

TEST_F(ParametersTest, FingerprintSeesEverythingButTheId) {
  const auto fingerprint = [&](const std::string& extra) {
    return Set(std::string(kTwoParameters) + extra)->request.fingerprint;
  };
  const std::uint64_t plain = fingerprint("request_id: 'a'");
  EXPECT_EQ(fingerprint("request_id: 'b'"), plain);
  EXPECT_NE(fingerprint("request_id: 'a' expected_step: 0"), plain);
  EXPECT_NE(fingerprint("request_id: 'a' keep_optimizer_state: true"), plain);
  EXPECT_NE(fingerprint("request_id: 'a' parameters { name: 'layers.1.bias' tensor { data_type: "
                        "DATA_TYPE_FLOAT32 shape: 1 floats { values: 0 } } }"),
            plain);
}

}  // namespace
}  // namespace descent::wire
