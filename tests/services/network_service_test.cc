// NetworkService's unary calls and Evaluate, through the real server.

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::FloatEq;

// Two inputs, two hidden sigmoid units, one output.
constexpr char kHiddenModel[] = R"(
  model {
    name: "hidden"
    network {
      input_features: 2
      layers { dense { units: 2 activation { kind: ACTIVATION_KIND_SIGMOID } } }
      layers { dense { units: 1 } }
      loss { kind: LOSS_KIND_HALF_SQUARED_ERROR }
      data_type: DATA_TYPE_FLOAT64
      seed: 11
    }
    optimizer { learning_rate: 0.1 sgd {} }
  })";

constexpr char kClassifier[] = R"(
  model {
    name: "classes"
    network {
      input_features: 1
      layers { dense { units: 2 } }
      loss { kind: LOSS_KIND_SOFTMAX_CROSS_ENTROPY }
    }
    optimizer { learning_rate: 0.1 sgd {} }
  })";

class NetworkServiceTest : public ServiceTest {
 protected:
  // {name: values} of float64 tensors.
  std::map<std::string, std::vector<double>> Parameters(const std::string& model) {
    v1::GetParametersRequest request;
    request.set_model(model);
    std::map<std::string, std::vector<double>> parameters;
    const auto answer = client_->Call(request);
    for (const v1::NamedTensor& parameter : answer->parameters()) {
      parameters[parameter.name()] = Doubles(parameter.tensor());
    }
    return parameters;
  }
};

// Of numbers around one that are computed in another order, or with another exp.
constexpr double kTolerance = 1e-14;

double Sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

TEST_F(NetworkServiceTest, ForwardAnswersWithEveryLayersValues) {
  Create(FromText<v1::CreateModelRequest>(kHiddenModel));
  auto parameters = Parameters("hidden");
  const auto request = FromText<v1::ForwardRequest>(R"(
    model: "hidden"
    inputs { data_type: DATA_TYPE_FLOAT64 shape: 1 shape: 2 doubles { values: 0.5 values: -2 } })");
  const auto answer = client_->Call(request);
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->step(), 0);
  ASSERT_EQ(answer->layers_size(), 2);
  EXPECT_EQ(answer->layers(0).name(), "layers.0");
  const auto& kernel = parameters["layers.0.kernel"];  // [inputs, units]
  const auto& bias = parameters["layers.0.bias"];
  double output = parameters["layers.1.bias"][0];
  for (int k = 0; k < 2; ++k) {
    const double z = bias[k] + kernel[k] * 0.5 + kernel[2 + k] * -2;
    EXPECT_NEAR(Doubles(answer->layers(0).pre_activation())[k], z, kTolerance);
    EXPECT_NEAR(Doubles(answer->layers(0).activation())[k], Sigmoid(z), kTolerance);
    output += parameters["layers.1.kernel"][k] * Sigmoid(z);
  }
  EXPECT_NEAR(Doubles(answer->layers(1).pre_activation())[0], output, kTolerance);
  EXPECT_NEAR(Doubles(answer->outputs())[0], output, kTolerance);
}

TEST_F(NetworkServiceTest, GradientIsTheFormulasAndChangesNothing) {
  Create(FromText<v1::CreateModelRequest>(kHiddenModel));
  auto parameters = Parameters("hidden");
  const std::uint64_t hash = Get("hidden").state_hash();
  auto request = FromText<v1::GradientRequest>(R"(
    model: "hidden"
    inputs { data_type: DATA_TYPE_FLOAT64 shape: 1 shape: 2 doubles { values: 0.5 values: -2 } }
    targets { data_type: DATA_TYPE_FLOAT64 shape: 1 shape: 1 doubles { values: 3 } }
    input_gradient: true)");
  const auto answer = client_->Call(request);
  ASSERT_TRUE(answer.ok()) << answer;

  const auto& kernel = parameters["layers.0.kernel"];
  const auto& gamma = parameters["layers.1.kernel"];
  double a[2];
  double w = parameters["layers.1.bias"][0];
  for (int k = 0; k < 2; ++k) {
    a[k] = Sigmoid(parameters["layers.0.bias"][k] + kernel[k] * 0.5 + kernel[2 + k] * -2);
    w += gamma[k] * a[k];
  }
  EXPECT_NEAR(answer->loss(), (w - 3) * (w - 3) / 2, kTolerance);
  std::map<std::string, std::vector<double>> gradients;
  double squares = 0;
  for (const v1::NamedTensor& gradient : answer->gradients()) {
    gradients[gradient.name()] = Doubles(gradient.tensor());
    for (const double g : gradients[gradient.name()]) squares += g * g;
  }
  EXPECT_DOUBLE_EQ(answer->gradient_norm(), std::sqrt(squares));
  EXPECT_NEAR(gradients["layers.1.bias"][0], w - 3, kTolerance);
  double dx[2] = {0, 0};
  for (int k = 0; k < 2; ++k) {
    const double delta = (w - 3) * gamma[k] * a[k] * (1 - a[k]);
    EXPECT_NEAR(gradients["layers.1.kernel"][k], (w - 3) * a[k], kTolerance);
    EXPECT_NEAR(gradients["layers.0.bias"][k], delta, kTolerance);
    EXPECT_NEAR(gradients["layers.0.kernel"][k], delta * 0.5, kTolerance);
    EXPECT_NEAR(gradients["layers.0.kernel"][2 + k], delta * -2, kTolerance);
    dx[0] += delta * kernel[k];
    dx[1] += delta * kernel[2 + k];
  }
  EXPECT_THAT(Doubles(answer->input_gradient()),
              ElementsAre(DoubleNear(dx[0], kTolerance), DoubleNear(dx[1], kTolerance)));
  EXPECT_EQ(Get("hidden").state_hash(), hash);

  // The same from ∂L/∂w, of one parameter, by norm.
  request.mutable_output_gradient()->CopyFrom(
      FromText<v1::Tensor>("data_type: DATA_TYPE_FLOAT64 shape: 1 shape: 1"));
  request.mutable_output_gradient()->mutable_doubles()->add_values(w - 3);
  request.add_parameters("layers.0.kernel");
  request.set_norms_only(true);
  const auto norms = client_->Call(request);
  ASSERT_TRUE(norms.ok()) << norms;
  EXPECT_EQ(norms->loss(), 0);
  EXPECT_DOUBLE_EQ(norms->gradient_norm(), answer->gradient_norm());
  ASSERT_EQ(norms->gradients_size(), 1);
  EXPECT_EQ(norms->gradients(0).tensor().shape_size(), 0);
  double kernel_squares = 0;
  for (const double g : gradients["layers.0.kernel"]) kernel_squares += g * g;
  EXPECT_DOUBLE_EQ(Doubles(norms->gradients(0).tensor())[0], std::sqrt(kernel_squares));
}

TEST_F(NetworkServiceTest, BackPropagationCrossesModels) {
  // The layers of `hidden`, one model each.
  Create(FromText<v1::CreateModelRequest>(kHiddenModel));
  auto half = FromText<v1::CreateModelRequest>(kHiddenModel);
  half.mutable_model()->set_name("upstream");
  half.mutable_model()->mutable_network()->mutable_layers()->RemoveLast();
  Create(half);
  half = FromText<v1::CreateModelRequest>(kHiddenModel);
  half.mutable_model()->set_name("downstream");
  half.mutable_model()->mutable_network()->mutable_layers()->DeleteSubrange(0, 1);
  Create(half);
  v1::GetParametersRequest get;
  get.set_model("hidden");
  const auto whole = client_->Call(get);
  for (const int layer : {0, 1}) {
    v1::SetParametersRequest set;
    set.set_model(layer == 0 ? "upstream" : "downstream");
    for (const v1::NamedTensor& parameter : whole->parameters()) {
      if (parameter.name()[7] != '0' + layer) continue;
      *set.add_parameters() = parameter;
      set.mutable_parameters()->rbegin()->mutable_name()->at(7) = '0';
    }
    ASSERT_TRUE(client_->Call(set).ok());
  }

  v1::GradientRequest request;
  request.set_model("hidden");
  *request.mutable_inputs() = RandomTensor({5, 2}, 1);
  *request.mutable_targets() = RandomTensor({5, 1}, 2);
  const auto expected = client_->Call(request);
  ASSERT_TRUE(expected.ok()) << expected;

  v1::ForwardRequest forward;
  forward.set_model("upstream");
  *forward.mutable_inputs() = request.inputs();
  const auto hidden = client_->Call(forward);
  v1::GradientRequest downstream;
  downstream.set_model("downstream");
  *downstream.mutable_inputs() = hidden->outputs();
  *downstream.mutable_targets() = request.targets();
  downstream.set_input_gradient(true);
  const auto second = client_->Call(downstream);
  ASSERT_TRUE(second.ok()) << second;
  v1::GradientRequest upstream;
  upstream.set_model("upstream");
  *upstream.mutable_inputs() = request.inputs();
  *upstream.mutable_output_gradient() = second->input_gradient();
  const auto first = client_->Call(upstream);
  ASSERT_TRUE(first.ok()) << first;

  EXPECT_EQ(second->loss(), expected->loss());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(first->gradients(i).tensor().raw(), expected->gradients(i).tensor().raw());
    EXPECT_EQ(second->gradients(i).tensor().raw(), expected->gradients(2 + i).tensor().raw());
  }
}

TEST_F(NetworkServiceTest, StepLearns) {
  Create(LineModel("line"));
  const auto first = client_->Call(StepOf("line", LineBatch(64, 1)));
  ASSERT_TRUE(first.ok()) << first;
  EXPECT_EQ(first->step(), 1);
  EXPECT_EQ(first->durable_step(), 1);
  EXPECT_EQ(first->learning_rate(), 0.125);
  EXPECT_GT(first->gradient_norm(), 0);
  EXPECT_FALSE(first->replayed());
  for (unsigned i = 2; i < 400; ++i) client_->Call(StepOf("line", LineBatch(64, i)));
  EXPECT_LT(client_->Call(StepOf("line", LineBatch(64, 400)))->loss(), first->loss() / 1e6);
  const auto predicted = client_->Call(PredictOf("line", Floats({2, 2}, {1, 1, 0, -1})));
  EXPECT_EQ(predicted->step(), 400);
  EXPECT_NEAR(predicted->outputs().floats().values(0), 6, 1e-3);
  EXPECT_NEAR(predicted->outputs().floats().values(1), 1, 1e-3);
  EXPECT_EQ(Get("line").step(), 400);
}

TEST_F(NetworkServiceTest, GradientsComputedElsewhereMakeTheSameStep) {
  Create(LineModel("here"));
  Create(LineModel("elsewhere"));
  const v1::Batch batch = LineBatch(16, 3);
  v1::GradientRequest gradient;
  gradient.set_model("elsewhere");
  *gradient.mutable_inputs() = batch.inputs();
  *gradient.mutable_targets() = batch.targets();
  const auto computed = client_->Call(gradient);
  ASSERT_TRUE(computed.ok()) << computed;
  v1::StepRequest step;
  step.set_model("elsewhere");
  step.mutable_gradients()->set_base_step(computed->step());
  *step.mutable_gradients()->mutable_gradients() = computed->gradients();
  const auto applied = client_->Call(step);
  ASSERT_TRUE(applied.ok()) << applied;
  EXPECT_EQ(applied->loss(), 0);
  client_->Call(StepOf("here", batch));
  EXPECT_EQ(Get("elsewhere").state_hash(), Get("here").state_hash());
}

TEST_F(NetworkServiceTest, ARepeatedStepIsAppliedOnce) {
  Create(LineModel("line"));
  v1::StepRequest request = StepOf("line", LineBatch(16, 3));
  request.set_request_id("once");
  const auto first = client_->Call(request);
  ASSERT_TRUE(first.ok()) << first;
  auto repeat = client_->Call(request);
  ASSERT_TRUE(repeat.ok()) << repeat;
  EXPECT_TRUE(repeat->replayed());
  repeat.response.set_replayed(false);
  EXPECT_EQ(repeat->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(Get("line").step(), 1);

  request.set_learning_rate(0.5);
  EXPECT_THAT(client_->Call(request), FailsWith(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
  EXPECT_EQ(Get("line").step(), 1);
}

TEST_F(NetworkServiceTest, RepeatsSentAtOnceAreAppliedOnce) {
  Create(LineModel("line"));
  v1::StepRequest request = StepOf("line", LineBatch(16, 3));
  request.set_request_id("once");
  std::atomic<int> replayed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto answer = client_->Call(request);
      EXPECT_TRUE(answer.ok()) << answer;
      EXPECT_EQ(answer->step(), 1);
      replayed += answer->replayed();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(replayed, 7);
  EXPECT_EQ(Get("line").step(), 1);
}

TEST_F(NetworkServiceTest, AnswersAreEncodedAsTheInputsAre) {
  Create(LineModel("line"));
  v1::Tensor inputs = Floats({1, 2}, {0.5, -1});
  EXPECT_TRUE(client_->Call(PredictOf("line", inputs))->outputs().has_floats());
  inputs.set_data_type(v1::DATA_TYPE_FLOAT64);
  inputs.mutable_doubles()->mutable_values()->Resize(2, 0.5);
  EXPECT_TRUE(client_->Call(PredictOf("line", inputs))->outputs().has_doubles());
  EXPECT_EQ(client_->Call(PredictOf("line", RandomTensor({1, 2}, 1)))->outputs().raw().size(), 4u);
}

TEST_F(NetworkServiceTest, PredictionsAreInTheTargetsTermsUnlessRaw) {
  Create(FromText<v1::CreateModelRequest>(kClassifier));
  v1::PredictRequest request = PredictOf("classes", Floats({3, 1}, {0, 1, -2}));
  const auto probabilities = client_->Call(request);
  request.set_raw_outputs(true);
  const auto raw = client_->Call(request);
  ASSERT_TRUE(probabilities.ok() && raw.ok()) << probabilities << raw;
  for (int row = 0; row < 3; ++row) {
    const auto value = [&](const auto& answer, int k) {
      return answer->outputs().floats().values(2 * row + k);
    };
    EXPECT_THAT(value(probabilities, 0) + value(probabilities, 1), FloatEq(1));
    EXPECT_NEAR(std::log(value(probabilities, 0) / value(probabilities, 1)),
                value(raw, 0) - value(raw, 1), 1e-5);
  }
}

TEST_F(NetworkServiceTest, EvaluateAnswersForTheWholeStream) {
  Create(LineModel("line"));
  std::vector<v1::EvaluateRequest> requests(3);
  requests[0].set_model("line");
  requests[2].set_model("line");
  double sum_of_squares = 0;
  int rows = 0;
  for (unsigned i = 0; i < requests.size(); ++i) {
    *requests[i].mutable_batch() = LineBatch(static_cast<int>(10 + i), i);
    for (const float y : requests[i].batch().targets().floats().values()) {
      sum_of_squares += double{y} * y;  // the model answers 0
      ++rows;
    }
  }
  const auto answer = client_->Call(requests);
  ASSERT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->step(), 0);
  EXPECT_EQ(answer->rows(), rows);
  EXPECT_NEAR(answer->loss(), sum_of_squares / rows / 2, 1e-6);
  EXPECT_NEAR(answer->metrics().at("rmse"), std::sqrt(sum_of_squares / rows), 1e-6);
  EXPECT_TRUE(answer->metrics().contains("mae"));
  EXPECT_TRUE(answer->metrics().contains("r2"));
}

TEST_F(NetworkServiceTest, EvaluateKnowsClassMetrics) {
  Create(FromText<v1::CreateModelRequest>(kClassifier));
  const auto request = FromText<v1::EvaluateRequest>(R"(
    model: "classes"
    batch {
      inputs { data_type: DATA_TYPE_FLOAT32 shape: 4 shape: 1
               floats { values: 1 values: 2 values: -1 values: -2 } }
      targets { data_type: DATA_TYPE_INT64 shape: 4
                ints { values: 0 values: 0 values: 1 values: 1 } }
    })");
  const auto answer = client_->Call(std::vector<v1::EvaluateRequest>{request});
  ASSERT_TRUE(answer.ok()) << answer;
  for (const char* name : {"accuracy", "log_loss", "roc_auc", "precision", "recall", "f1"}) {
    EXPECT_TRUE(answer->metrics().contains(name)) << name;
  }
}

TEST_F(NetworkServiceTest, EvaluateRefusesABadStream) {
  Create(LineModel("line"));
  Create(LineModel("other"));
  EXPECT_EQ(client_->Call(std::vector<v1::EvaluateRequest>()).status.code,
            StatusCode::kInvalidArgument);
  std::vector<v1::EvaluateRequest> requests(2);
  requests[0].set_model("nobody");
  EXPECT_THAT(client_->Call(requests), FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  requests[0].set_model("line");
  *requests[0].mutable_batch() = LineBatch(2, 1);
  *requests[1].mutable_batch() = LineBatch(2, 2);
  requests[1].set_model("other");
  EXPECT_THAT(client_->Call(requests).status.fields, ElementsAre("model"));
  requests[1].clear_model();
  requests[1].mutable_batch()->mutable_targets()->set_shape(0, 3);
  const auto refused = client_->Call(requests);
  EXPECT_THAT(refused.status.fields, ElementsAre("batch.targets"));
  // Where in the stream, for those who know the rows by their number.
  EXPECT_EQ(refused.status.metadata.at("rows_before"), "2");
}

TEST_F(NetworkServiceTest, PredictionsDoNotWaitForTraining) {
  Create(SlowModel("slow"));
  std::atomic<bool> training = true;
  std::thread trainer([&] {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(client_->Call(StepOf("slow", SlowBatch())).ok());
    training = false;
  });
  // Many predictions are answered between two updates, each of one whole step, and steps only grow.
  std::int64_t step = 0;
  int answered = 0;
  std::map<std::int64_t, std::string> outputs;
  const v1::PredictRequest request = PredictOf("slow", RandomTensor({1, 16}, 7));
  while (training) {
    const auto answer = client_->Call(request);
    ASSERT_TRUE(answer.ok()) << answer;
    EXPECT_GE(answer->step(), step);
    step = answer->step();
    const auto [known, _] = outputs.emplace(step, answer->outputs().raw());
    EXPECT_EQ(known->second, answer->outputs().raw());
    ++answered;
  }
  trainer.join();
  EXPECT_GT(answered, 20);
}

}  // namespace
}  // namespace descent::testing
