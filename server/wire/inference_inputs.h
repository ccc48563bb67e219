// The input tensors of a ModelInferRequest -> what a prediction takes: numbers and categories.

#ifndef SERVER_WIRE_INFERENCE_INPUTS_H_
#define SERVER_WIRE_INFERENCE_INPUTS_H_

#include "absl/status/status.h"
#include "core/network.h"
#include "inference/open_inference.pb.h"
#include "server/models/commands.h"

namespace descent::wire {

// The one of numbers. No categorical input has its name.
inline constexpr char kInferenceInput[] = "inputs";

// Sets the command's inputs and categories: every input of the network, in any order, each once and
// with as many rows as the others. A row has one category, or k, less the places of padding: an id
// of -1 where the input does not hash, and with the parameter "padded_categories" that id and the
// empty text everywhere. Errors are as inference.h has them.
absl::Status DecodeInferenceInputs(const inference::ModelInferRequest& request,
                                   const Network& network, models::PredictCommand* command);

// Describes them, numbers first, then the categorical inputs in the spec's order.
void DescribeInferenceInputs(const Network& network, inference::ModelMetadataResponse* response);

}  // namespace descent::wire

#endif  // SERVER_WIRE_INFERENCE_INPUTS_H_
