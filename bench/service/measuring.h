// What the service's benchmarks share: models, tensors, clocks.

#ifndef BENCH_SERVICE_MEASURING_H_
#define BENCH_SERVICE_MEASURING_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/descent/client.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/tensor.pb.h"

namespace descent::bench {

// Ends the program with a message unless the status is OK.
void Require(const absl::Status& status);
void Require(const grpc::Status& status);
template <typename T>
T Require(absl::StatusOr<T> result) {
  Require(result.status());
  return *std::move(result);
}

// Servers are spoken to over TLS when $DESCENT_TLS_CA names the file of their authority.

// A client of a descentd that answers, with the token of $DESCENT_TOKEN if there is one.
client::Client ConnectTo(const std::string& server);

// A channel to a server on this machine, which no proxy of the environment comes in between.
std::shared_ptr<grpc::Channel> LocalChannel(const std::string& server);
// The same over a connection that no other channel has.
std::shared_ptr<grpc::Channel> LocalConnection(const std::string& server);

// How long the work takes.
double Seconds(const std::function<void()>& work);

// Requires values, and a quantile in [0, 1].
double Quantile(std::vector<double> values, double quantile);
inline double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

// [rows, columns] of uniform numbers in [-1, 1), float32, raw; the same at every call.
v1::Tensor RandomTensor(std::int64_t rows, std::int64_t columns);

// Dense layers of these widths, ReLU between them, mean squared error, plain gradient descent.
v1::Model DenseModel(const std::string& name, std::int64_t features,
                     const std::vector<std::int64_t>& units);

}  // namespace descent::bench

#endif  // BENCH_SERVICE_MEASURING_H_
