#include "bench/service/measuring.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

#include "absl/time/time.h"
#include "client/descent/tensor.h"
#include "client/descent/tls.h"

namespace descent::bench {
namespace {

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Null: plaintext.
std::shared_ptr<grpc::ChannelCredentials> Credentials() {
  const std::string authority = Environment("DESCENT_TLS_CA");
  if (authority.empty()) return nullptr;
  return Require(client::TlsCredentials({.ca = authority}));
}

std::shared_ptr<grpc::Channel> Channel(const std::string& server,
                                       grpc::ChannelArguments arguments) {
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const std::shared_ptr<grpc::ChannelCredentials> encrypted = Credentials();
  return grpc::CreateCustomChannel(
      server, encrypted == nullptr ? grpc::InsecureChannelCredentials() : encrypted, arguments);
}

}  // namespace

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "benchmark: %s\n", status.ToString().c_str());
  std::exit(1);
}

void Require(const grpc::Status& status) {
  Require(absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message()));
}

client::Client ConnectTo(const std::string& server) {
  client::Client client = Require(client::Client::Connect(
      {.target = server, .credentials = Credentials(), .token = Environment("DESCENT_TOKEN")}));
  Require(client.WaitUntilReady(absl::Seconds(10)));
  return client;
}

std::shared_ptr<grpc::Channel> LocalChannel(const std::string& server) {
  return Channel(server, grpc::ChannelArguments());
}

std::shared_ptr<grpc::Channel> LocalConnection(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return Channel(server, std::move(arguments));
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Quantile(std::vector<double> values, double quantile) {
  const auto nth = static_cast<std::ptrdiff_t>(std::min(
      static_cast<double>(values.size()) * quantile, static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + nth, values.end());
  return values[static_cast<std::size_t>(nth)];
}

v1::Tensor RandomTensor(std::int64_t rows, std::int64_t columns) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (float& value : values) value = uniform(random);
  return client::MatrixTensor<float>(values, columns);
}

v1::Model DenseModel(const std::string& name, std::int64_t features,
                     const std::vector<std::int64_t>& units) {
  v1::Model model;
  model.set_name(name);
  v1::NetworkSpec& network = *model.mutable_network();
  network.set_input_features(features);
  for (std::size_t i = 0; i < units.size(); ++i) {
    v1::DenseLayer& layer = *network.add_layers()->mutable_dense();
    layer.set_units(units[i]);
    if (i + 1 < units.size()) layer.mutable_activation()->set_kind(v1::ACTIVATION_KIND_RELU);
  }
  network.mutable_loss()->set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  model.mutable_optimizer()->set_learning_rate(1e-4);
  model.mutable_optimizer()->mutable_sgd();
  return model;
}

}  // namespace descent::bench
