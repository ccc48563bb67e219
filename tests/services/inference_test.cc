// The Open Inference Protocol through the real server.

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InferenceTest : public ServiceTest {
 protected:
  void SetUp() override { Create(LineModel("line")); }

  void Train(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto answer = client_->Call(StepOf("line", LineBatch(4, ++seed_)));
      ASSERT_TRUE(answer.ok()) << answer;
    }
  }
  void Save() {
    const auto answer = client_->Call(FromText<v1::CreateCheckpointRequest>("model: 'line'"));
    ASSERT_TRUE(answer.ok()) << answer;
  }

  // [[1, 2], [3, -4]].
  static inference::ModelInferRequest Infer(const std::string& model) {
    inference::ModelInferRequest request;
    request.set_model_name(model);
    auto* input = request.add_inputs();
    input->set_name("inputs");
    input->set_datatype("FP32");
    input->add_shape(2);
    input->add_shape(2);
    const float values[] = {1, 2, 3, -4};
    request.add_raw_input_contents(values, sizeof values);
    return request;
  }

  bool IsReady(const std::string& model, const std::string& version = "") {
    inference::ModelReadyRequest request;
    request.set_name(model);
    request.set_version(version);
    const auto answer = client_->Call(request);
    EXPECT_TRUE(answer.ok()) << answer;
    return answer->ready();
  }

  static inference::ModelMetadataRequest Metadata(const std::string& version = "") {
    inference::ModelMetadataRequest request;
    request.set_name("line");
    request.set_version(version);
    return request;
  }

  unsigned seed_ = 0;
};

TEST_F(InferenceTest, PredictsTheBitsOfPredict) {
  Train(5);
  auto request = Infer("line");
  request.set_id("one");
  const auto answer = client_->Call(request);
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->model_name(), "line");
  EXPECT_EQ(answer->model_version(), "5");
  EXPECT_EQ(answer->id(), "one");
  ASSERT_EQ(answer->outputs_size(), 1);
  EXPECT_EQ(answer->outputs(0).name(), "outputs");
  EXPECT_EQ(answer->outputs(0).datatype(), "FP32");
  EXPECT_THAT(answer->outputs(0).shape(), ElementsAre(2, 1));

  v1::Tensor inputs;
  inputs.set_data_type(v1::DATA_TYPE_FLOAT32);
  inputs.add_shape(2);
  inputs.add_shape(2);
  inputs.set_raw(request.raw_input_contents(0));
  const auto predicted = client_->Call(PredictOf("line", inputs));
  ASSERT_TRUE(predicted.ok()) << predicted;
  ASSERT_EQ(answer->raw_output_contents_size(), 1);
  EXPECT_EQ(answer->raw_output_contents(0), predicted->outputs().raw());
}

TEST_F(InferenceTest, TypedContentsAreAnsweredRawToo) {
  Train(1);
  auto request = Infer("line");
  const auto raw = client_->Call(request);
  request.clear_raw_input_contents();
  request.mutable_inputs(0)->set_datatype("INT8");
  for (const int value : {1, 2, 3, -4}) {
    request.mutable_inputs(0)->mutable_contents()->add_int_contents(value);
  }
  const auto typed = client_->Call(request);
  ASSERT_TRUE(typed.ok()) << typed;
  ASSERT_TRUE(raw.ok()) << raw;
  EXPECT_EQ(typed->raw_output_contents(0), raw->raw_output_contents(0));
}

TEST_F(InferenceTest, RawOutputsComeBeforeTheLosssTransform) {
  auto create = LineModel("probability");
  create.mutable_model()->mutable_network()->mutable_loss()->set_kind(
      v1::LOSS_KIND_BINARY_CROSS_ENTROPY);
  Create(create);
  const auto first = [&](const inference::ModelInferRequest& request) {
    const auto answer = client_->Call(request);
    EXPECT_TRUE(answer.ok()) << answer;
    float value = -1;
    if (answer.ok()) std::memcpy(&value, answer->raw_output_contents(0).data(), sizeof value);
    return value;
  };
  auto request = Infer("probability");
  EXPECT_EQ(first(request), 0.5F);
  (*request.mutable_parameters())["raw_outputs"].set_bool_param(true);
  EXPECT_EQ(first(request), 0);
}

TEST_F(InferenceTest, ErrorsAreOurs) {
  auto request = Infer("nobody");
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  request.set_model_name("No name!");
  EXPECT_THAT(client_->Call(request), FailsAt("model_name", "INVALID_NAME"));
  request = Infer("line");
  request.mutable_inputs(0)->set_shape(1, 3);
  EXPECT_THAT(client_->Call(request), FailsAt("inputs[0]", "WRONG_SHAPE"));
}

TEST_F(InferenceTest, SaysThatTheServerLivesAndIsReady) {
  EXPECT_TRUE(client_->Call(inference::ServerLiveRequest())->live());
  EXPECT_TRUE(client_->Call(inference::ServerReadyRequest())->ready());
  const auto metadata = client_->Call(inference::ServerMetadataRequest());
  EXPECT_EQ(metadata->name(), "descent");
  EXPECT_FALSE(metadata->version().empty());
  EXPECT_THAT(metadata->extensions(), ElementsAre("binary_tensor_data"));
}

TEST_F(InferenceTest, AServerThatStartsLivesAndIsNotReady) {
  Start();
  const auto live = client_->Call(inference::ServerLiveRequest());
  ASSERT_TRUE(live.ok()) << live;
  EXPECT_TRUE(live->live());
  const auto ready = client_->Call(inference::ServerReadyRequest());
  ASSERT_TRUE(ready.ok()) << ready;
  EXPECT_FALSE(ready->ready());
  EXPECT_FALSE(IsReady("line"));
  EXPECT_TRUE(client_->Call(inference::ServerMetadataRequest()).ok());
  EXPECT_THAT(client_->Call(Infer("line")), FailsWith(StatusCode::kUnavailable, "STARTING"));
  EXPECT_THAT(client_->Call(Metadata()), FailsWith(StatusCode::kUnavailable, "STARTING"));
}

TEST_F(InferenceTest, AModelIsReadyWhenItIsThere) {
  EXPECT_TRUE(IsReady("line"));
  EXPECT_FALSE(IsReady("nobody"));
  Train(2);
  EXPECT_FALSE(IsReady("line", "2"));
  Save();
  EXPECT_TRUE(IsReady("line", "2"));
  EXPECT_FALSE(IsReady("line", "1"));
  EXPECT_FALSE(IsReady("line", "v2"));
}

TEST_F(InferenceTest, MetadataNameTheCheckpoints) {
  EXPECT_THAT(client_->Call(Metadata())->versions(), ElementsAre());
  for (int i = 0; i < 2; ++i) {
    Train(2);
    Save();
  }
  const auto metadata = client_->Call(Metadata());
  ASSERT_TRUE(metadata.ok()) << metadata;
  EXPECT_THAT(metadata->versions(), ElementsAre("4", "2"));
  EXPECT_EQ(metadata->platform(), "descent");
  EXPECT_THAT(metadata->inputs(0).shape(), ElementsAre(-1, 2));
  EXPECT_THAT(metadata->outputs(0).shape(), ElementsAre(-1, 1));
  EXPECT_TRUE(client_->Call(Metadata("2")).ok());
  const auto unknown = client_->Call(Metadata("3"));
  EXPECT_THAT(unknown, FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
  EXPECT_THAT(unknown.status.message, HasSubstr("there are 4, 2"));
}

TEST_F(InferenceTest, MoreVersionsThanAPageOfCheckpointsAreAllThere) {
  for (int i = 0; i < 1001; ++i) {
    Train(1);
    Save();
  }
  EXPECT_EQ(client_->Call(Metadata())->versions_size(), 1001);
}

TEST_F(InferenceTest, AVersionPredictsAsTheModelDidAtItsCheckpoint) {
  std::vector<std::string> outputs;
  for (int i = 0; i < 4; ++i) {
    Train(2);
    Save();
    outputs.push_back(client_->Call(Infer("line"))->raw_output_contents(0));
  }
  Train(1);
  auto request = Infer("line");
  for (int round = 0; round < 2; ++round) {
    for (int i = 3; i >= 0; --i) {
      const std::string version = std::to_string(2 * (i + 1));
      request.set_model_version(version);
      const auto answer = client_->Call(request);
      ASSERT_TRUE(answer.ok()) << answer;
      EXPECT_EQ(answer->model_version(), version);
      EXPECT_EQ(answer->raw_output_contents(0), outputs[static_cast<std::size_t>(i)]);
    }
  }
}

TEST_F(InferenceTest, ManyWhoAskForAVersionAtOnceAllGetIt) {
  Train(2);
  Save();
  const std::string expected = client_->Call(Infer("line"))->raw_output_contents(0);
  Train(1);
  auto request = Infer("line");
  request.set_model_version("2");
  std::vector<std::thread> callers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        const auto answer = client_->Call(request);
        right += answer.ok() && answer->raw_output_contents(0) == expected ? 1 : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 400);
}

TEST_F(InferenceTest, AVersionThatWasReplacedOrDeletedIsServedNoLonger) {
  Train(2);
  Save();
  // Forward to a step, back, and to the same step another way.
  const auto restore = FromText<v1::RestoreCheckpointRequest>("model: 'line' step: 2");
  const auto parameters = FromText<v1::SetParametersRequest>(R"(
    model: 'line' parameters { name: 'layers.0.bias'
      tensor { data_type: DATA_TYPE_FLOAT32 shape: 1 floats { values: 5 } } })");
  ASSERT_TRUE(client_->Call(parameters).ok());
  Save();
  auto request = Infer("line");
  request.set_model_version("3");
  const auto before = client_->Call(request);
  ASSERT_TRUE(before.ok()) << before;
  ASSERT_TRUE(client_->Call(restore).ok());
  Train(1);
  Save();
  const auto replaced = client_->Call(request);
  ASSERT_TRUE(replaced.ok()) << replaced;
  EXPECT_NE(replaced->raw_output_contents(0), before->raw_output_contents(0));
  const auto deletion = FromText<v1::DeleteCheckpointRequest>("model: 'line' step: 3");
  ASSERT_TRUE(client_->Call(deletion).ok());
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
}

TEST_F(InferenceTest, AVersionForWhichThereIsNoMemoryIsRefused) {
  Train(1);
  Save();
  auto request = Infer("line");
  request.set_model_version("1");
  ASSERT_TRUE(client_->Call(request).ok());
  const models::MemoryCharge everything =
      registry_->memory()->Count(models::MemoryPurpose::kReceived, std::size_t{1} << 50);
  EXPECT_EQ(client_->Call(request).status.code, StatusCode::kResourceExhausted);
}

TEST_F(InferenceTest, AVersionThatIsNotThereIsNotFound) {
  Train(2);
  Save();
  auto request = Infer("line");
  request.set_model_version("7");
  const auto unknown = client_->Call(request);
  EXPECT_THAT(unknown, FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
  EXPECT_THAT(unknown.status.message, HasSubstr("there are 2"));
  request.set_model_version("latest");
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kNotFound, "VERSION_NOT_FOUND"));
}

}  // namespace
}  // namespace descent::testing
