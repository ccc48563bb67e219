// Trains one network whose halves are on two servers, by back-propagation across them.
//
//   descentd --in-memory --listen 127.0.0.1:50051 &
//   descentd --in-memory --listen 127.0.0.1:50052 &
//   descent_split_example [HOST:PORT HOST:PORT]
//
// The lower half's outputs are the upper half's inputs. Only the upper one knows the targets, only
// the lower one the samples: between them go activations one way and their gradients the other. The
// same network is trained whole on the first server, to compare.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/descent/client.h"
#include "client/descent/tensor.h"

namespace {

namespace v1 = descent::v1;
using descent::client::Client;
using descent::client::MatrixTensor;

constexpr int kSteps = 400;
constexpr int64_t kBatch = 32;
constexpr int64_t kFeatures = 4;
constexpr int64_t kHidden = 64;

// The parameters of one dense layer.
using Parameters = std::map<std::string, v1::Tensor>;

v1::Batch Samples(int64_t count, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<float> x;
  std::vector<float> y;
  for (int64_t row = 0; row < count; ++row) {
    const std::vector<float> features = {uniform(random), uniform(random), uniform(random),
                                         uniform(random)};
    y.push_back(std::sin(3 * features[0]) * features[1] + features[2] * features[2]);
    x.insert(x.end(), features.begin(), features.end());
  }
  v1::Batch batch;
  *batch.mutable_inputs() = MatrixTensor<float>(x, kFeatures);
  *batch.mutable_targets() = MatrixTensor<float>(y, 1);
  return batch;
}

v1::Layer Dense(int64_t units, v1::ActivationKind activation) {
  v1::Layer layer;
  layer.mutable_dense()->set_units(units);
  layer.mutable_dense()->mutable_activation()->set_kind(activation);
  return layer;
}

absl::Status Create(const Client& client, const std::string& name, int64_t inputs,
                    const std::vector<v1::Layer>& layers) {
  v1::Model model;
  model.set_name(name);
  model.mutable_network()->set_input_features(inputs);
  for (const v1::Layer& layer : layers) *model.mutable_network()->add_layers() = layer;
  model.mutable_network()->mutable_loss()->set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  model.mutable_optimizer()->set_learning_rate(0.01);
  model.mutable_optimizer()->mutable_adam();
  return client.CreateModel(std::move(model)).status();
}

absl::StatusOr<Parameters> GetParameters(const Client& client, const std::string& model) {
  v1::GetParametersRequest request;
  request.set_model(model);
  const auto answer = client.GetParameters(request);
  if (!answer.ok()) return answer.status();
  Parameters parameters;
  for (const v1::NamedTensor& named : answer->parameters()) {
    parameters[named.name()] = named.tensor();
  }
  return parameters;
}

// Gives a half, which is one layer, the parameters of that layer of the whole network.
absl::Status Begin(const Client& client, const std::string& half, const Parameters& whole,
                   int layer) {
  v1::SetParametersRequest request;
  request.set_model(half);
  for (const char* name : {"kernel", "bias"}) {
    v1::NamedTensor& named = *request.add_parameters();
    named.set_name(absl::StrCat("layers.0.", name));
    *named.mutable_tensor() = whole.at(absl::StrCat("layers.", layer, ".", name));
  }
  return client.SetParameters(std::move(request)).status();
}

// Applies a gradient, unless somebody else's update in between made it that of another network.
absl::Status Apply(const Client& client, const std::string& model,
                   const v1::GradientResponse& gradient) {
  v1::StepRequest request;
  request.set_model(model);
  request.mutable_gradients()->set_base_step(gradient.step());
  request.mutable_gradients()->set_max_staleness(0);
  *request.mutable_gradients()->mutable_gradients() = gradient.gradients();
  return client.Step(std::move(request)).status();
}

// One update of both halves, each by its own optimizer. Returns the loss before it.
absl::StatusOr<double> TrainStep(const Client& below, const Client& above, const v1::Batch& batch) {
  v1::ForwardRequest forward;
  forward.set_model("lower");
  *forward.mutable_inputs() = batch.inputs();
  const auto activations = below.Forward(forward);
  if (!activations.ok()) return activations.status();

  v1::GradientRequest upper;
  upper.set_model("upper");
  *upper.mutable_inputs() = activations->outputs();
  *upper.mutable_targets() = batch.targets();
  upper.set_input_gradient(true);
  upper.set_training(true);
  const auto upper_gradient = above.Gradient(upper);
  if (!upper_gradient.ok()) return upper_gradient.status();

  v1::GradientRequest lower;
  lower.set_model("lower");
  *lower.mutable_inputs() = batch.inputs();
  *lower.mutable_output_gradient() = upper_gradient->input_gradient();
  lower.set_training(true);
  const auto lower_gradient = below.Gradient(lower);
  if (!lower_gradient.ok()) return lower_gradient.status();

  if (absl::Status applied = Apply(above, "upper", *upper_gradient); !applied.ok()) return applied;
  if (absl::Status applied = Apply(below, "lower", *lower_gradient); !applied.ok()) return applied;
  return upper_gradient->loss();
}

absl::StatusOr<double> LargestDifference(const Client& below, const Client& above) {
  const auto whole = GetParameters(below, "whole");
  if (!whole.ok()) return whole.status();
  const auto lower = GetParameters(below, "lower");
  if (!lower.ok()) return lower.status();
  const auto upper = GetParameters(above, "upper");
  if (!upper.ok()) return upper.status();
  double difference = 0;
  for (const auto& [layer, half] : {std::pair{0, &*lower}, std::pair{1, &*upper}}) {
    for (const char* name : {"kernel", "bias"}) {
      const auto a = descent::client::TensorValues<float>(
          whole->at(absl::StrCat("layers.", layer, ".", name)));
      const auto b =
          descent::client::TensorValues<float>(half->at(absl::StrCat("layers.0.", name)));
      if (!a.ok()) return a.status();
      if (!b.ok()) return b.status();
      for (size_t i = 0; i < a->size(); ++i) {
        difference = std::max(difference, static_cast<double>(std::abs((*a)[i] - (*b)[i])));
      }
    }
  }
  return difference;
}

absl::Status Train(const Client& below, const Client& above) {
  const auto begin = GetParameters(below, "whole");
  if (!begin.ok()) return begin.status();
  if (absl::Status set = Begin(below, "lower", *begin, 0); !set.ok()) return set;
  if (absl::Status set = Begin(above, "upper", *begin, 1); !set.ok()) return set;

  std::mt19937 random(0);
  for (int step = 1; step <= kSteps; ++step) {
    const v1::Batch batch = Samples(kBatch, random);
    const auto expected = below.Step("whole", batch);
    if (!expected.ok()) return expected.status();
    const auto loss = TrainStep(below, above, batch);
    if (!loss.ok()) return loss.status();
    if (step % 100 == 0) {
      std::printf("step %4d  loss %.6f, of the whole %.6f\n", step, *loss, expected->loss());
    }
  }
  const auto difference = LargestDifference(below, above);
  if (!difference.ok()) return difference.status();
  std::printf("largest difference of a parameter %.3g\n", *difference);
  return absl::OkStatus();
}

absl::Status Run(const std::string& lower, const std::string& upper) {
  const absl::StatusOr<Client> below = Client::Connect({.target = lower});
  if (!below.ok()) return below.status();
  const absl::StatusOr<Client> above = Client::Connect({.target = upper});
  if (!above.ok()) return above.status();
  const v1::Layer first = Dense(kHidden, v1::ACTIVATION_KIND_RELU);
  const v1::Layer last = Dense(1, v1::ACTIVATION_KIND_IDENTITY);

  absl::Status status = Create(*below, "whole", kFeatures, {first, last});
  if (status.ok()) status = Create(*below, "lower", kFeatures, {first});
  if (status.ok()) status = Create(*above, "upper", kHidden, {last});
  if (status.ok()) status = Train(*below, *above);
  for (const char* name : {"whole", "lower"}) status.Update(below->DeleteModel(name));
  status.Update(above->DeleteModel("upper"));
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const absl::Status status =
      Run(argc > 1 ? argv[1] : "127.0.0.1:50051", argc > 2 ? argv[2] : "127.0.0.1:50052");
  if (status.ok()) return 0;
  std::fprintf(stderr, "descent_split_example: %s\n", status.ToString().c_str());
  return 1;
}
