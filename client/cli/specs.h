// How the command line spells what a network is made of: `relu`, `leaky_relu:alpha=0.2`, `huber`,
// `sgd:momentum=0.9,nesterov=true`, `cosine:period=1000`. The names are the contract's in lower
// case, and so are the hyperparameters after the colon; kinds that the contract gains are known
// here at once.

#ifndef CLIENT_CLI_SPECS_H_
#define CLIENT_CLI_SPECS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network.pb.h"

namespace descent::cli {

// Usage errors list the names or hyperparameters there are.
absl::StatusOr<v1::Activation> ParseActivation(const std::string& text);
absl::StatusOr<v1::Initializer> ParseInitializer(const std::string& text);
absl::StatusOr<v1::Loss> ParseLoss(const std::string& text);
// Sets `algorithm` alone.
absl::StatusOr<v1::OptimizerSpec> ParseOptimizer(const std::string& text);
// Sets `decay` alone.
absl::StatusOr<v1::LearningRateSchedule> ParseSchedule(const std::string& text);
// "journal", "checkpoint", "memory".
absl::StatusOr<v1::Durability> ParseDurability(const std::string& text);
// "64,32" to {64, 32}; "64x3,32" to {64, 64, 64, 32}; "" or "none" to {}.
absl::StatusOr<std::vector<int64_t>> ParseLayers(const std::string& text);

// "relu, tanh, ...": for help.
std::string ActivationNames();
std::string DurabilityNames();
std::string InitializerNames();
std::string LossNames();
std::string OptimizerNames();
std::string ScheduleNames();

// "relu", "mean_squared_error", "adam".
std::string NameOf(v1::ActivationKind kind);
std::string NameOf(v1::LossKind kind);
std::string NameOf(v1::Durability durability);
std::string NameOf(const v1::OptimizerSpec& optimizer);
// "13-64-64-1": what the first layer reads, with the blocks of categorical inputs, and the widths
// of the dense layers; "13-64x65-1" of many alike.
std::string ShapeOf(const v1::NetworkSpec& network);

int64_t OutputsOf(const v1::NetworkSpec& network);
// Whether the targets are classes.
bool IsClassLoss(v1::LossKind kind);

}  // namespace descent::cli

#endif  // CLIENT_CLI_SPECS_H_
