// Parameters of the Open Inference Protocol's requests, and names in messages about them.

#ifndef SERVER_WIRE_INFERENCE_FIELDS_H_
#define SERVER_WIRE_INFERENCE_FIELDS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "google/protobuf/map.h"
#include "inference/open_inference.pb.h"

namespace descent::wire {

using InferParameters = google::protobuf::Map<std::string, inference::InferParameter>;

// What no answer here would be without: to go on as if they were not there would answer something
// else than was asked for. All other parameters are hints.
inline constexpr std::string_view kSharedMemory[] = {
    "shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"};
inline constexpr std::string_view kSequences[] = {"sequence_id", "sequence_start", "sequence_end"};
inline constexpr std::string_view kClassification[] = {"classification"};

// The request's own parameter of that name; false if it is not there.
absl::StatusOr<bool> BoolParameter(const InferParameters& parameters, const char* name);

// UNSUPPORTED_PARAMETER at the member of `field` that is one of `refused`.
absl::Status RefuseParameters(std::string_view field, const InferParameters& parameters,
                              absl::Span<const std::string_view> refused);

// UNKNOWN_TENSOR, or REQUIRED_FIELD for no name at all. `there`: the names that the model has.
absl::Status UnknownTensor(std::string_view field, std::string_view name, std::string_view there);

}  // namespace descent::wire

#endif  // SERVER_WIRE_INFERENCE_FIELDS_H_
