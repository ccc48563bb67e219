// Parameters, or gradients in their shape, as text and as JSON:
//
//   [{"name": "layers.0.kernel", "shape": [13, 64], "norm": 4.1, "values": [...]}, ...]
//
// with the values in row-major order.

#ifndef CLIENT_CLI_COMMANDS_PARAMETERS_H_
#define CLIENT_CLI_COMMANDS_PARAMETERS_H_

#include <google/protobuf/repeated_field.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/tensor.pb.h"

namespace descent::cli {

using NamedTensors = google::protobuf::RepeatedPtrField<v1::NamedTensor>;
using SparseTensors = google::protobuf::RepeatedPtrField<v1::SparseRows>;

// An error if a tensor's contents are not those of its shape.
absl::StatusOr<nlohmann::ordered_json> ParametersJson(const NamedTensors& parameters,
                                                      bool with_values);

// A line a parameter with its shape, norm and range; below it, if asked for, its values.
absl::Status PrintParameters(const NamedTensors& parameters, bool with_values);

// The same of rows of tables, of which nothing but zeros are left out: with the rows' numbers, one
// beside its values where these are asked for. An error if there are not as many values as rows
// say.
absl::StatusOr<nlohmann::ordered_json> SparseJson(const SparseTensors& tables, bool with_values);
absl::Status PrintSparse(const SparseTensors& tables, bool with_values);

// Reads what ParametersJson writes with values, or an object that has it under "parameters", as
// tensors of a type (FLOAT32 or FLOAT64). A data error, about `source`, if it is anything else.
absl::StatusOr<std::vector<v1::NamedTensor>> ParametersFromJson(const std::string& source,
                                                                const std::string& text,
                                                                v1::DataType data_type);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_PARAMETERS_H_
