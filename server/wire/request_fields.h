// Fields that several requests have in common.

#ifndef SERVER_WIRE_REQUEST_FIELDS_H_
#define SERVER_WIRE_REQUEST_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/buffer.h"
#include "core/network.h"
#include "core/parameter_layout.h"
#include "descent/v1/tensor.pb.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/models/commands.h"
#include "server/wire/tensor.h"

namespace descent::wire {

// A text of the caller's in a message, cut short.
std::string QuotedText(std::string_view text);

// kInvalidArgument (REQUIRED_FIELD).
absl::Status RequiredField(std::string_view field);

// kInvalidArgument (CONTRADICTORY_FIELDS): "<field>: <what>".
absl::Status ContradictoryField(std::string_view field, std::string_view what);

// A request_id: at most 128 bytes.
absl::Status CheckRequestId(std::string_view request_id);

// The checked key of a small request with a field `request_id`, by its message without that field.
absl::StatusOr<models::RequestKey> DecodeRequestKey(const google::protobuf::Message& request);

// "<field>: expected at least <minimum>, got <value>", if it is less.
absl::Status CheckAtLeast(std::string_view field, std::int64_t value, std::int64_t minimum);

// A learning rate that replaces the scheduled one: finite and >= 0.
absl::Status CheckLearningRate(double learning_rate);

// An `optional` step number, >= 0 where it is set.
absl::StatusOr<std::optional<std::int64_t>> DecodeStepNumber(std::string_view field, bool is_set,
                                                             std::int64_t value);

// Indices into the layout of the named parameters, in their order, none twice.
absl::StatusOr<std::vector<int>> DecodeParameterNames(
    std::string_view field, const google::protobuf::RepeatedPtrField<std::string>& names,
    const ParameterLayout& layout);

// Tensors under their parameters' names.
struct NamedTensors {
  std::vector<int> parameters;  // indices into the layout, none twice
  Buffer values;                // laid out; zero where nothing was given
};
// Which of the parameters may be among them.
enum class Among : std::uint8_t {
  kAll,
  kDense,  // not the tables of categorical inputs, before which `values` ends
};
absl::StatusOr<NamedTensors> DecodeNamedTensors(
    std::string_view field, const google::protobuf::RepeatedPtrField<v1::NamedTensor>& tensors,
    Conversion conversion, Among among, const Network& network);

}  // namespace descent::wire

#endif  // SERVER_WIRE_REQUEST_FIELDS_H_
