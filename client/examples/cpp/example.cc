// Creates a model on a Descent server, trains it, predicts, and asks for gradients.
//
//   descentd --in-memory &
//   descent_example [--tls-ca FILE] [--token-file FILE] [HOST:PORT]

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/descent/client.h"
#include "client/descent/error.h"
#include "client/descent/options.h"
#include "client/descent/tensor.h"
#include "client/descent/tls.h"
#include "client/descent/training_session.h"

namespace {

namespace v1 = descent::v1;
using descent::client::Client;
using descent::client::MatrixTensor;

constexpr char kModel[] = "cpp-example";
constexpr int64_t kFeatures = 8;
constexpr int64_t kBatchRows = 32;
constexpr int64_t kBatches = 1000;
constexpr absl::Duration kDeadline = absl::Seconds(30);  // of each call, with all its attempts

// Row after row: kFeatures inputs and one target each.
struct Rows {
  std::vector<float> x;
  std::vector<float> y;
};

// Friedman's first problem without its sine, 10 x1 x2 + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5, of features
// in [0, 1), of which three say nothing. A linear congruential generator draws multiples of 1/256,
// so that every sample is exact in float32 and the same in any language.
Rows MakeRows(uint32_t seed, int64_t count) {
  uint32_t state = seed;
  Rows rows;
  for (int64_t row = 0; row < count; ++row) {
    std::array<float, kFeatures> x;
    for (float& feature : x) {
      state = state * 1664525U + 1013904223U;
      feature = static_cast<float>(state >> 24) / 256;
    }
    const float centred = x[2] - 0.5F;
    rows.y.push_back(10 * x[0] * x[1] + 20 * centred * centred + 10 * x[3] + 5 * x[4]);
    rows.x.insert(rows.x.end(), x.begin(), x.end());
  }
  return rows;
}

v1::Batch BatchOf(const Rows& rows) {
  v1::Batch batch;
  *batch.mutable_inputs() = MatrixTensor<float>(rows.x, kFeatures);
  *batch.mutable_targets() = MatrixTensor<float>(rows.y, 1);
  return batch;
}

// The training batch with this number, counted from 1.
v1::Batch TrainingBatch(int64_t number) {
  return BatchOf(MakeRows(static_cast<uint32_t>(number) * 2654435761U, kBatchRows));
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
  AddDense(32, v1::ACTIVATION_KIND_RELU, &network);
  AddDense(1, v1::ACTIVATION_KIND_IDENTITY, &network);
  network.mutable_loss()->set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  network.set_seed(1);
  model.mutable_optimizer()->set_learning_rate(1e-2);
  model.mutable_optimizer()->mutable_adam();
  return model;
}

// Streams the batches. The session mends a broken connection by itself, and every batch is applied
// once.
absl::Status Train(const Client& client) {
  descent::client::TrainingOptions options;
  options.ack_every = 8;
  options.on_ack = [](const v1::TrainAck& ack) {
    if (ack.sequence() % 200 != 0) return;
    std::printf("update %5lld of %lld  loss %8.4f\n", static_cast<long long>(ack.sequence()),
                static_cast<long long>(kBatches), ack.loss());
  };
  options.on_break = [](const absl::Status& cause) {
    std::fprintf(stderr, "going on after: %s\n", std::string(cause.message()).c_str());
  };
  auto session = client.Train(kModel, options);
  if (!session.ok()) return session.status();
  for (int64_t number = 1; number <= kBatches; ++number) {
    if (absl::Status sent = (*session)->Send(TrainingBatch(number)); !sent.ok()) return sent;
  }
  if (const auto finished = (*session)->Finish(); !finished.ok()) return finished.status();
  const auto model = client.GetModel(kModel);
  if (!model.ok()) return model.status();
  std::printf("trained to step %lld, state %llu\n", static_cast<long long>(model->step()),
              static_cast<unsigned long long>(model->state_hash()));
  return absl::OkStatus();
}

absl::Status Evaluate(const Client& client, const v1::Batch& batch) {
  const auto answer = client.Evaluate(kModel, {batch}, {.deadline = kDeadline});
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
    std::printf("predicted %6.2f, expected %6.2f\n", (*outputs)[row], rows.y[row]);
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
  const Rows test = MakeRows(12345, 256);
  const v1::Batch test_batch = BatchOf(test);
  absl::Status status = Train(client);
  if (status.ok()) status = Evaluate(client, test_batch);
  if (status.ok()) status = Predict(client, test);
  if (status.ok()) status = Gradient(client, test_batch);
  if (status.ok()) AskForTooLittle(client);
  return status;
}

absl::Status Run(const descent::client::ClientOptions& options) {
  const absl::StatusOr<Client> client = Client::Connect(options);
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

// Where the server is and how it is reached, by the arguments.
absl::StatusOr<descent::client::ClientOptions> ParseArguments(
    absl::Span<const char* const> arguments) {
  descent::client::ClientOptions options;
  options.deadline = kDeadline;
  options.retry.give_up_after = absl::Seconds(12);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string argument = arguments[i];
    if (!argument.starts_with("--")) {
      options.target = argument;
      continue;
    }
    if (++i == arguments.size()) {
      return absl::InvalidArgumentError(absl::StrCat(argument, ": it needs a file"));
    }
    if (argument == "--tls-ca") {
      auto credentials = descent::client::TlsCredentials({.ca = arguments[i]});
      if (!credentials.ok()) return credentials.status();
      options.credentials = *std::move(credentials);
    } else if (argument == "--token-file") {
      std::ifstream file(arguments[i]);
      if (!(file >> options.token)) {
        return absl::InvalidArgumentError(absl::StrCat(arguments[i], ": there is no token"));
      }
    } else {
      return absl::InvalidArgumentError(absl::StrCat(argument, ": no such option"));
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options =
      ParseArguments(absl::MakeConstSpan(argv, static_cast<size_t>(argc)).subspan(1));
  const absl::Status status = options.ok() ? Run(*options) : options.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "descent_example: %s\n", status.ToString().c_str());
  return 1;
}
