// The Open Inference Protocol's messages as HTTP has them: JSON, with tensors in it or as bytes
// behind it (the protocol's extension for binary tensor data).

#ifndef SERVER_REST_INFERENCE_JSON_H_
#define SERVER_REST_INFERENCE_JSON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "inference/open_inference.pb.h"
#include "server/http/route.h"

namespace descent::rest {

// The header that says how much of a body is JSON, where tensors come behind it.
inline constexpr char kJsonLength[] = "Inference-Header-Content-Length";

// Values of an output that JSON is made of; more are to be asked for as bytes.
inline constexpr std::int64_t kMostJsonValues = std::int64_t{1} << 22;

// How the answer has its outputs.
enum class OutputForm : std::uint8_t { kJson, kBinary };

struct InferRequest {
  inference::ModelInferRequest message;  // without the model's name and version
  OutputForm form = OutputForm::kJson;
};

// Reads the body of a request for predictions of the model and version that its path names, of
// which the first `json_bytes` are JSON and the rest is tensors. What JSON has of the input
// "inputs" becomes raw FP64, and of every other one, which are ids or texts of categories, raw
// INT64 or BYTES, having been found to be of its datatype. INVALID_ARGUMENT, naming the member, for
// whatever is not as the protocol has it: a member that it does not know, or twice, a number that
// is not finite or not of the datatype or an id that is not known to the digit, sizes that do not
// agree.
absl::StatusOr<InferRequest> ReadInferRequest(std::string_view body, std::size_t json_bytes,
                                              std::string_view model, std::string_view version);

// INVALID_ARGUMENT when there is too much for JSON, which then is to be asked for as bytes.
absl::StatusOr<http::Answer> WriteInferResponse(const inference::ModelInferResponse& response,
                                                OutputForm form);

http::Answer WriteMetadata(const inference::ServerMetadataResponse& metadata);
http::Answer WriteMetadata(const inference::ModelMetadataResponse& metadata);

}  // namespace descent::rest

#endif  // SERVER_REST_INFERENCE_JSON_H_
