// The options that make a model: given to `create` and to the first `train`.

#ifndef CLIENT_CLI_COMMANDS_MODEL_OPTIONS_H_
#define CLIENT_CLI_COMMANDS_MODEL_OPTIONS_H_

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/model_service.pb.h"

namespace descent::cli {

// As typed; what is not set was not given, and has the default that its help names.
struct ModelOptions {
  std::optional<std::string> layers = {};
  std::optional<std::string> activation = {};
  std::optional<double> dropout = {};
  bool layer_norm = false;
  bool residual = false;
  bool normalize = false;
  std::optional<std::string> loss = {};
  std::optional<std::string> optimizer = {};
  std::optional<double> learning_rate = {};
  std::optional<std::string> schedule = {};
  std::optional<int64_t> warmup_steps = {};
  std::optional<double> clip_norm = {};
  std::optional<std::string> initializer = {};
  std::optional<std::string> data_type = {};
  std::optional<std::string> durability = {};
  std::optional<uint64_t> seed = {};
};

// `default_loss` says in the help what is minimised if --loss isn't given.
void AddModelOptions(CLI::App* command, const std::string& default_loss, ModelOptions* options);

// The model the options describe. A usage error if one of them can't be understood.
absl::StatusOr<v1::Model> BuildModel(const ModelOptions& options, const std::string& name,
                                     int64_t features, int64_t outputs, const v1::Loss& loss);

// A usage error if an option that was given contradicts the model, which can't be changed by
// training on. The learning rate and the seed are those of a run, and contradict nothing.
absl::Status CheckModelOptions(const ModelOptions& options, const v1::Model& model);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_MODEL_OPTIONS_H_
