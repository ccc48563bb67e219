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

// Two inputs, three hidden units, one output.
const Network& TheNetwork() {
  static const auto* network = new std::shared_ptr<const Network>(MakeNetwork(
      DenseNetwork(2, {3, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32)));
  return **network;
}

constexpr char kInputs[] =
    "inputs { data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 2 floats { values: [1, 2, 3, 4] } } ";
constexpr char kTargets[] =
    "targets { data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 1 floats { values: [5, 6] } } ";
constexpr char kWeights[] =
    "weights { data_type: DATA_TYPE_FLOAT32 shape: 2 floats { values: [7, 8] } } ";
constexpr char kNarrowInputs[] =
    "inputs { data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 1 floats { values: [1, 2] } } ";

std::string BatchText(const std::string& extra = "") {
  return std::string("batch { ") + kInputs + kTargets + extra + "} ";
}

template <typename Request>
auto DecodeText(const std::string& text) {
  return Decode(FromText<Request>("model: 'm' " + text), TheNetwork());
}

TEST(DecodeForwardTest, NeedsInputs) {
  const auto command = DecodeText<v1::ForwardRequest>(kInputs);
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->inputs.At(1, 0), 3);
  EXPECT_THAT(DecodeText<v1::ForwardRequest>(""), FailsAt("inputs", "REQUIRED_FIELD"));
}

TEST(DecodePredictTest, NeedsInputs) {
  const auto command = DecodeText<v1::PredictRequest>(std::string(kInputs) + "raw_outputs: true");
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->inputs.At(0, 1), 2);
  EXPECT_TRUE(command->raw_outputs);
  EXPECT_THAT(DecodeText<v1::PredictRequest>(""), FailsAt("inputs", "REQUIRED_FIELD"));
  const auto narrow = DecodeText<v1::PredictRequest>(kNarrowInputs);
  EXPECT_THAT(narrow, StatusIs(absl::StatusCode::kInvalidArgument,
                               "inputs: expected shape [n, 2], got [2, 1]"));
}

TEST(DecodeGradientTest, TakesTargetsOrAnOutputGradient) {
  const auto targets = DecodeText<v1::GradientRequest>(
      std::string(kInputs) + kTargets + kWeights +
      "input_gradient: true norms_only: true parameters: 'layers.1.kernel'");
  ASSERT_THAT(targets, IsOk());
  EXPECT_EQ(std::get<Matrix>(std::get<Targets>(targets->cotangent)).At(1, 0), 6);
  EXPECT_EQ(targets->weights.At(1, 0), 8);
  EXPECT_TRUE(targets->input_gradient);
  EXPECT_TRUE(targets->norms_only);
  EXPECT_THAT(targets->parameters, ElementsAre(2));

  const auto output_gradient =
      DecodeText<v1::GradientRequest>(std::string(kInputs) +
                                      "output_gradient { data_type: DATA_TYPE_FLOAT64 shape: 2 "
                                      "shape: 1 doubles { values: [9, 10] } }");
  ASSERT_THAT(output_gradient, IsOk());
  EXPECT_EQ(std::get<Matrix>(output_gradient->cotangent).At(1, 0), 10);
  EXPECT_TRUE(output_gradient->weights.empty());
  EXPECT_THAT(output_gradient->parameters, IsEmpty());
}

TEST(DecodeStepTest, TakesABatch) {
  const auto command = DecodeText<v1::StepRequest>(
      BatchText(kWeights) + "request_id: 'r' expected_step: 3 learning_rate: 0.5");
  ASSERT_THAT(command, IsOk());
  const auto& batch = std::get<Batch>(command->update);
  EXPECT_EQ(batch.inputs.At(1, 1), 4);
  EXPECT_EQ(std::get<Matrix>(batch.targets).At(0, 0), 5);
  EXPECT_EQ(batch.weights.At(0, 0), 7);
  EXPECT_EQ(command->request.id, "r");
  EXPECT_EQ(command->expected_step, 3);
  EXPECT_EQ(command->learning_rate, 0.5);
}

// A gradient for each parameter, in the order of their names backwards.
std::string AllGradients() {
  return "gradients { name: 'layers.1.kernel' tensor { data_type: DATA_TYPE_FLOAT32 shape: 3 "
         "shape: 1 floats { values: [1, 2, 3] } } } "
         "gradients { name: 'layers.1.bias' tensor { data_type: DATA_TYPE_FLOAT64 shape: 1 "
         "doubles { values: 4 } } } "
         "gradients { name: 'layers.0.kernel' tensor { data_type: DATA_TYPE_FLOAT32 shape: 2 "
         "shape: 3 floats { values: [5, 6, 7, 8, 9, 10] } } } "
         "gradients { name: 'layers.0.bias' tensor { data_type: DATA_TYPE_FLOAT16 shape: 3 "
         "raw: '\\000\\000\\000\\000\\000\\074' } } ";
}

TEST(DecodeStepTest, TakesGradients) {
  const auto command = DecodeText<v1::StepRequest>("gradients { base_step: 4 max_staleness: 0 " +
                                                   AllGradients() + "}");
  ASSERT_THAT(command, IsOk());
  const auto& update = std::get<models::GradientUpdate>(command->update);
  EXPECT_EQ(update.base_step, 4);
  EXPECT_EQ(update.max_staleness, 0);
  const auto at = [&](int parameter, std::int64_t element) {
    const auto parameters = TheNetwork().layout().parameters();
    return update.gradients.At(parameters[static_cast<std::size_t>(parameter)].offset + element);
  };
  EXPECT_EQ(at(0, 5), 10);
  EXPECT_EQ(at(1, 2), 1);
  EXPECT_EQ(at(2, 0), 1);
  EXPECT_EQ(at(3, 0), 4);
}

// Bad requests, each by method, since the fields of all are alike.
struct BadRequest {
  const char* name;
  std::function<absl::Status()> decode;
  const char* field;
  const char* reason;
};

template <typename Request>
std::function<absl::Status()> Decoding(const std::string& text) {
  return [text] { return DecodeText<Request>(text).status(); };
}

const BadRequest kBadRequests[] = {
    {"GradientWithoutInputs", Decoding<v1::GradientRequest>(kTargets), "inputs", "REQUIRED_FIELD"},
    {"GradientOfNothing", Decoding<v1::GradientRequest>(kInputs), "cotangent", "REQUIRED_FIELD"},
    {"GradientWeightedTwice",
     Decoding<v1::GradientRequest>(std::string(kInputs) + kWeights + "output_gradient {}"),
     "weights", "CONTRADICTORY_FIELDS"},
    {"GradientTargetsOfOtherRows",
     Decoding<v1::GradientRequest>(
         std::string(kInputs) +
         "targets { data_type: DATA_TYPE_FLOAT32 shape: 1 shape: 1 floats { values: 5 } }"),
     "targets", "WRONG_SHAPE"},
    {"OutputGradientOfOtherRows",
     Decoding<v1::GradientRequest>(
         std::string(kInputs) +
         "output_gradient { data_type: DATA_TYPE_FLOAT32 shape: 1 shape: 1 floats { values: 5 } }"),
     "output_gradient", "WRONG_SHAPE"},
    {"GradientOfAParameterTwice",
     Decoding<v1::GradientRequest>(std::string(kInputs) + kTargets +
                                   "parameters: 'layers.0.bias' parameters: 'layers.0.bias'"),
     "parameters[1]", "CONTRADICTORY_FIELDS"},
    {"StepWithoutUpdate", Decoding<v1::StepRequest>(""), "update", "REQUIRED_FIELD"},
    {"StepWithoutInputs", Decoding<v1::StepRequest>(std::string("batch {") + kTargets + "}"),
     "batch.inputs", "REQUIRED_FIELD"},
    {"StepWithoutTargets", Decoding<v1::StepRequest>(std::string("batch {") + kInputs + "}"),
     "batch.targets", "REQUIRED_FIELD"},
    {"StepOfNarrowInputs",
     Decoding<v1::StepRequest>(std::string("batch {") + kNarrowInputs + kTargets + "}"),
     "batch.inputs", "WRONG_SHAPE"},
    {"StepOfANegativeWeight",
     Decoding<v1::StepRequest>(
         BatchText("weights { data_type: DATA_TYPE_FLOAT32 shape: 2 floats { values: [1, -1] } }")),
     "batch.weights", "NEGATIVE_WEIGHT"},
    {"StepOfANegativeStep", Decoding<v1::StepRequest>(BatchText() + "expected_step: -1"),
     "expected_step", "INVALID_FIELD"},
    {"StepOfANegativeRate", Decoding<v1::StepRequest>(BatchText() + "learning_rate: -1"),
     "learning_rate", "INVALID_FIELD"},
    {"StepOfAnInfiniteRate", Decoding<v1::StepRequest>(BatchText() + "learning_rate: inf"),
     "learning_rate", "INVALID_FIELD"},
    {"StepOfALongId",
     Decoding<v1::StepRequest>(BatchText() + "request_id: '" + std::string(129, 'r') + "'"),
     "request_id", "INVALID_FIELD"},
    {"GradientsOfANegativeBase",
     Decoding<v1::StepRequest>("gradients { base_step: -1 " + AllGradients() + "}"),
     "gradients.base_step", "INVALID_FIELD"},
    {"GradientsOfANegativeStaleness",
     Decoding<v1::StepRequest>("gradients { max_staleness: -1 " + AllGradients() + "}"),
     "gradients.max_staleness", "INVALID_FIELD"},
    {"SomeGradients",
     Decoding<v1::StepRequest>("gradients { gradients { name: 'layers.0.bias' } }"),
     "gradients.gradients", "INVALID_FIELD"},
    {"AGradientTwice",
     Decoding<v1::StepRequest>("gradients {" + AllGradients() + AllGradients() + "}"),
     "gradients.gradients[4].name", "CONTRADICTORY_FIELDS"},
};

class BadRequestTest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedByFieldAndReason) {
  EXPECT_THAT(GetParam().decode(), FailsAt(GetParam().field, GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(All, BadRequestTest, ::testing::ValuesIn(kBadRequests),
                         [](const auto& test) { return test.param.name; });

TEST(StepFingerprintTest, SeesEverythingButTheId) {
  const auto fingerprint = [](const std::string& text) {
    return DecodeText<v1::StepRequest>("request_id: 'a' " + text)->request.fingerprint;
  };
  const std::uint64_t plain = fingerprint(BatchText());
  EXPECT_EQ(DecodeText<v1::StepRequest>("request_id: 'b' " + BatchText())->request.fingerprint,
            plain);
  EXPECT_NE(fingerprint(BatchText(kWeights)), plain);
  EXPECT_NE(fingerprint(BatchText() + "expected_step: 0"), plain);
  EXPECT_NE(fingerprint(BatchText() + "learning_rate: 0"), plain);
  EXPECT_NE(fingerprint("gradients {" + AllGradients() + "}"), plain);
  EXPECT_NE(fingerprint("gradients { base_step: 1 " + AllGradients() + "}"),
            fingerprint("gradients {" + AllGradients() + "}"));
  v1::StepRequest other = FromText<v1::StepRequest>("model: 'n' request_id: 'a' " + BatchText());
  EXPECT_NE(Decode(other, TheNetwork())->request.fingerprint, plain);
}

TEST(StepFingerprintTest, DoesNotDependOnTheEncoding) {
  const auto numbers = FromText<v1::StepRequest>("model: 'm' request_id: 'a' " + BatchText());
  v1::StepRequest raw = numbers;
  const float inputs[] = {1, 2, 3, 4};
  raw.mutable_batch()->mutable_inputs()->set_raw(inputs, sizeof(inputs));
  EXPECT_EQ(Decode(raw, TheNetwork())->request.fingerprint,
            Decode(numbers, TheNetwork())->request.fingerprint);
}

TEST(DecodeTrainTest, StartsASession) {
  const auto start = DecodeTrainStart(FromText<v1::TrainRequest>(
      "start { model: 'm' session_id: 's' expected_step: 0 ack_every: 16 }"));
  ASSERT_THAT(start, IsOk());
  EXPECT_EQ(start->session_id, "s");
  EXPECT_EQ(start->expected_step, 0);
  EXPECT_EQ(start->ack_every, 16);
}

TEST(DecodeTrainTest, RefusesABadStart) {
  const auto decode = [](const std::string& text) {
    return DecodeTrainStart(FromText<v1::TrainRequest>(text));
  };
  EXPECT_THAT(decode(""), FailsAt("start", "REQUIRED_FIELD"));
  EXPECT_THAT(decode("batch {}"), FailsAt("start", "REQUIRED_FIELD"));
  EXPECT_THAT(decode("start { model: 'm' }"), FailsAt("start.session_id", "INVALID_FIELD"));
  EXPECT_THAT(decode("start { session_id: '" + std::string(129, 's') + "' }"),
              FailsAt("start.session_id", "INVALID_FIELD"));
  EXPECT_THAT(decode("start { session_id: 's' ack_every: -1 }"),
              FailsAt("start.ack_every", "INVALID_FIELD"));
  EXPECT_THAT(decode("start { session_id: 's' expected_step: -1 }"),
              FailsAt("start.expected_step", "INVALID_FIELD"));
}

TEST(DecodeTrainTest, TakesBatches) {
  const auto command = DecodeTrainBatch(
      FromText<v1::TrainRequest>("batch { sequence: 9 learning_rate: 0.25 " + BatchText() + "}"),
      TheNetwork());
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->sequence, 9);
  EXPECT_EQ(command->learning_rate, 0.25);
  EXPECT_EQ(command->batch.rows(), 2);
}

TEST(DecodeTrainTest, ABadBatchIsNamedByItsSequence) {
  const auto decode = [](const std::string& text) {
    return DecodeTrainBatch(FromText<v1::TrainRequest>(text), TheNetwork());
  };
  EXPECT_THAT(decode("start {}"), FailsAt("batch", "REQUIRED_FIELD"));
  EXPECT_THAT(decode(""), FailsAt("batch", "REQUIRED_FIELD"));
  EXPECT_THAT(decode("batch {" + BatchText() + "}"), FailsAt("batch.sequence", "INVALID_FIELD"));
  EXPECT_THAT(decode("batch { sequence: 1 }"), FailsAt("batch.batch", "REQUIRED_FIELD"));
  EXPECT_THAT(decode("batch { sequence: 1 learning_rate: nan " + BatchText() + "}"),
              FailsAt("batch.learning_rate", "INVALID_FIELD"));
  const auto narrow =
      decode(std::string("batch { sequence: 9 batch {") + kNarrowInputs + kTargets + "} }");
  EXPECT_THAT(narrow, FailsAt("batch.batch.inputs", "WRONG_SHAPE"));
  EXPECT_EQ(narrow.status().message(), "batch.batch.inputs: expected shape [n, 2], got [2, 1]");
  EXPECT_EQ(GetErrorDetails(narrow.status()).metadata.at("sequence"), "9");
}

TEST(DecodeEvaluateTest, TakesBatchesOfOneModel) {
  const auto decode = [](const std::string& text) {
    return DecodeEvaluateBatch(FromText<v1::EvaluateRequest>(text), "m", TheNetwork());
  };
  EXPECT_THAT(decode("model: 'm' " + BatchText()), IsOk());
  EXPECT_THAT(decode(BatchText()), IsOk());
  EXPECT_THAT(decode("model: 'n' " + BatchText()), FailsAt("model", "CONTRADICTORY_FIELDS"));
  EXPECT_THAT(decode("model: 'm'"), FailsAt("batch", "REQUIRED_FIELD"));
  EXPECT_THAT(decode(std::string("batch {") + kInputs + "}"),
              FailsAt("batch.targets", "REQUIRED_FIELD"));
}

}  // namespace
}  // namespace descent::wire
