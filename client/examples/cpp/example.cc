// Creates a model on a Descent server, trains it, predicts, and asks for gradients.
//
//   descentd --in-memory &
//   descent_example [HOST:PORT]
//
// The data are Friedman's first problem: y = 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + e,
// with ten features in [0, 1), of which five say nothing, and normal noise e.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/descent/client.h"
#include "client/descent/error.h"
#include "client/descent/tensor.h"
#include "client/descent/training_session.h"

namespace {

namespace v1 = descent::v1;
using descent::client::Client;
using descent::client::MatrixTensor;

constexpr char kModel[] = "cpp-example";
constexpr int64_t kFeatures = 10;
constexpr int64_t kBatch = 64;
constexpr int64_t kEpochs = 20;

// Row after row: kFeatures inputs and one target each.
struct Rows {
  std::vector<float> x;
  std::vector<float> y;

  int64_t size() const { return static_cast<int64_t>(y.size()); }
};

Rows Friedman1(int64_t count, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(0, 1);
  std::normal_distribution<float> noise(0, 1);
  constexpr auto kPi = std::numbers::pi_v<float>;
  Rows rows;
  for (int64_t row = 0; row < count; ++row) {
    std::vector<float> x(kFeatures);
    for (float& feature : x) feature = uniform(random);
    rows.y.push_back(10 * std::sin(kPi * x[0] * x[1]) + 20 * (x[2] - 0.5F) * (x[2] - 0.5F) +
                     10 * x[3] + 5 * x[4] + noise(random));
    rows.x.insert(rows.x.end(), x.begin(), x.end());
  }
  return rows;
}

// The rows of these numbers as a message.
v1::Batch BatchOf(const Rows& rows, absl::Span<const int64_t> numbers) {
  std::vector<float> x;
  std::vector<float> y;
  for (const int64_t row : numbers) {
    const auto first = rows.x.begin() + row * kFeatures;
    x.insert(x.end(), first, first + kFeatures);
    y.push_back(rows.y[static_cast<size_t>(row)]);
  }
  v1::Batch batch;
  *batch.mutable_inputs() = MatrixTensor<float>(x, kFeatures);
  *batch.mutable_targets() = MatrixTensor<float>(y, 1);
  return batch;
}

void AddDense(int64_t units, v1::ActivationKind activation, v1::NetworkSpec* network) {
  v1::DenseLayer& layer = *network->add_layers()->mutable_dense();
  layer.set_units(units);
  layer.mutable_activation()->set_kind(activation);
}

v1::Model Description() {
  v1::Model model;
  model.set_name(kModel);
  v1::NetworkSpec& network = *model.mutable_network();
  network.set_input_features(kFeatures);
  AddDense(64, v1::ACTIVATION_KIND_RELU, &network);
  AddDense(64, v1::ACTIVATION_KIND_RELU, &network);
  AddDense(1, v1::ACTIVATION_KIND_IDENTITY, &network);
  network.mutable_loss()->set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  network.set_seed(1);
  model.mutable_optimizer()->set_learning_rate(1e-2);
  model.mutable_optimizer()->mutable_adam();
  return model;
}

// Streams the rows, in a new order for each epoch. The session mends a broken connection by itself,
// and every batch is applied once.
absl::Status Train(const Client& client, const Rows& rows, std::mt19937& random) {
  const int64_t batches = kEpochs * ((rows.size() + kBatch - 1) / kBatch);
  descent::client::TrainingOptions options;
  options.ack_every = 16;
  options.on_ack = [batches](const v1::TrainAck& ack) {
    if (ack.sequence() % 160 != 0 && ack.sequence() != batches) return;
    std::printf("update %5lld of %lld  loss %8.4f\n", static_cast<long long>(ack.sequence()),
                static_cast<long long>(batches), ack.loss());
  };
  auto session = client.Train(kModel, options);
  if (!session.ok()) return session.status();
  std::vector<int64_t> order(rows.y.size());
  std::iota(order.begin(), order.end(), 0);
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    std::shuffle(order.begin(), order.end(), random);
    for (absl::Span<const int64_t> rest = order; !rest.empty();) {
      const absl::Span<const int64_t> numbers = rest.first(std::min<size_t>(kBatch, rest.size()));
      if (absl::Status sent = (*session)->Send(BatchOf(rows, numbers)); !sent.ok()) return sent;
      rest.remove_prefix(numbers.size());
    }
  }
  return (*session)->Finish().status();
}

absl::Status Evaluate(const Client& client, const v1::Batch& batch) {
  const auto answer = client.Evaluate(kModel, {batch});
  if (!answer.ok()) return answer.status();
  std::printf("test rmse %.3f, r2 %.3f\n", answer->metrics().at("rmse"),
              answer->metrics().at("r2"));
  return absl::OkStatus();
}

absl::Status Predict(const Client& client, const Rows& rows) {
  const auto answer = client.Predict(
      kModel, MatrixTensor<float>(absl::MakeConstSpan(rows.x).first(3 * kFeatures), kFeatures));
  if (!answer.ok()) return answer.status();
  const auto outputs = descent::client::TensorValues<float>(answer->outputs());
  if (!outputs.ok()) return outputs.status();
  for (size_t row = 0; row < outputs->size(); ++row) {
    std::printf("predicted %6.2f, measured %6.2f\n", (*outputs)[row], rows.y[row]);
  }
  return absl::OkStatus();
}

// Which features the loss hangs on most, by its gradient with respect to the inputs.
absl::Status Gradient(const Client& client, const v1::Batch& batch) {
  v1::GradientRequest request;
  request.set_model(kModel);
  *request.mutable_inputs() = batch.inputs();
  *request.mutable_targets() = batch.targets();
  request.set_input_gradient(true);
  const auto answer = client.Gradient(request);
  if (!answer.ok()) return answer.status();
  std::printf("gradient at step %lld: norm %.4f\n", static_cast<long long>(answer->step()),
              answer->gradient_norm());
  const auto gradient = descent::client::TensorValues<float>(answer->input_gradient());
  if (!gradient.ok()) return gradient.status();
  std::vector<float> influence(kFeatures);
  for (size_t i = 0; i < gradient->size(); ++i) {
    influence[i % kFeatures] += std::abs((*gradient)[i]);
  }
  std::vector<size_t> order(kFeatures);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return influence[a] > influence[b]; });
  std::printf("features by influence:");
  for (const size_t feature : order) std::printf(" x%zu", feature + 1);
  std::printf("\n");
  return absl::OkStatus();
}

// What an error says: a reason to act on, and the fields at fault.
void AskForTooLittle(const Client& client) {
  const absl::Status status = client.Predict(kModel, MatrixTensor<float>({1, 2, 3}, 3)).status();
  std::printf("refused as it should be: %s\n",
              status.ToString(absl::StatusToStringMode::kWithNoExtraData).c_str());
  const descent::client::ErrorDetails details = descent::client::GetErrorDetails(status);
  std::printf("  reason %s\n", details.reason.c_str());
  for (const descent::client::FieldViolation& violation : details.field_violations) {
    std::printf("  field %s: %s\n", violation.field.c_str(), violation.description.c_str());
  }
}

absl::Status TrainAndAsk(const Client& client) {
  std::mt19937 random(0);
  const Rows rows = Friedman1(4000, random);
  const Rows test = Friedman1(1000, random);
  std::vector<int64_t> all(test.y.size());
  std::iota(all.begin(), all.end(), 0);
  const v1::Batch test_batch = BatchOf(test, all);

  absl::Status status = Train(client, rows, random);
  if (status.ok()) status = Evaluate(client, test_batch);
  if (status.ok()) status = Predict(client, test);
  if (status.ok()) status = Gradient(client, test_batch);
  if (status.ok()) AskForTooLittle(client);
  return status;
}

absl::Status Run(const std::string& server) {
  const absl::StatusOr<Client> client = Client::Connect({.target = server});
  if (!client.ok()) return client.status();
  // Each call has a deadline and is tried again where that is safe.
  const absl::StatusOr<v1::Model> model = client->CreateModel(Description());
  if (!model.ok()) return model.status();
  std::printf("created %s: %lld parameters\n", model->name().c_str(),
              static_cast<long long>(model->parameter_count()));
  const absl::Status status = TrainAndAsk(*client);
  const absl::Status deleted = client->DeleteModel(kModel);
  return status.ok() ? deleted : status;
}

}  // namespace

int main(int argc, char** argv) {
  const absl::Status status = Run(argc > 1 ? argv[1] : "127.0.0.1:50051");
  if (status.ok()) return 0;
  std::fprintf(stderr, "descent_example: %s\n", status.ToString().c_str());
  return 1;
}
