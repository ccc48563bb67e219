// The Open Inference Protocol: its requests -> commands, outcomes -> its responses.
//
// A model has an input "inputs" of shape [n, features], unless it takes no numbers, an input of
// shape [n] or [n, k] for every categorical input, under its name, and one output, "outputs" of
// shape [n, units]. Errors are kInvalidArgument with the field's path from the request
// ("inputs[0].shape", "raw_input_contents[0]") and the reasons of tensor.h and categories.h,
// UNKNOWN_FIELD or
//   UNKNOWN_TENSOR         a name that no tensor of the model has
//   REQUIRED_FIELD         an input that is not there
//   CONTRADICTORY_FIELDS   one that is there twice
//   UNSUPPORTED_PARAMETER  asks for what this server does not do
// A version that cannot be one is kNotFound (VERSION_NOT_FOUND).

#ifndef SERVER_WIRE_INFERENCE_H_
#define SERVER_WIRE_INFERENCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/network.h"
#include "inference/open_inference.pb.h"
#include "server/models/commands.h"

namespace descent::wire {

inline constexpr char kInferenceOutput[] = "outputs";

// The name of the model that a request is about.
absl::StatusOr<std::string> ModelName(const inference::ModelReadyRequest& request);
absl::StatusOr<std::string> ModelName(const inference::ModelMetadataRequest& request);
absl::StatusOr<std::string> ModelName(const inference::ModelInferRequest& request);

// The step that a version names; none for the empty version, which is the latest.
absl::StatusOr<std::optional<std::int64_t>> VersionStep(std::string_view version);

// NOT_FOUND (VERSION_NOT_FOUND), saying which there are. `versions`: newest first.
absl::Status VersionNotFound(std::string_view version, const std::vector<std::int64_t>& versions);

absl::StatusOr<models::PredictCommand> Decode(const inference::ModelInferRequest& request,
                                              const Network& network);

// What an answer says again of its request.
struct InferenceEcho {
  std::string model;
  std::string id;
};

// `response` must be empty. The outputs are raw.
void Encode(const models::PredictOutcome& outcome, const InferenceEcho& echo,
            inference::ModelInferResponse* response);

// Describes the model `name`, with the steps of its checkpoints.
void EncodeMetadata(const std::string& name, const Network& network,
                    const std::vector<std::int64_t>& versions,
                    inference::ModelMetadataResponse* response);

// Describes a server of that version.
void EncodeServer(std::string_view version, inference::ServerMetadataResponse* response);

}  // namespace descent::wire

#endif  // SERVER_WIRE_INFERENCE_H_
