// Categories of requests and gradients of tables <-> the engine's.
//
// Ids and texts become rows of their tables here: hashing is a matter of the contract, not of the
// engine. Errors are kInvalidArgument with the field's path ("categories[1].ids") and the reasons
// of tensor.h or INVALID_FIELD with metadata `row`; a missing input is REQUIRED_FIELD, an unknown
// one UNKNOWN_CATEGORICAL_INPUT.

#ifndef SERVER_WIRE_CATEGORIES_H_
#define SERVER_WIRE_CATEGORIES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/embeddings/categories.h"
#include "core/embeddings/tables.h"
#include "core/network.h"
#include "descent/v1/tensor.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/wire/tensor.h"

namespace descent::wire {

// The row of the table that an id or a text means. Without hashing an id that is no row is -1, and
// texts mean nothing.
std::int32_t BucketOf(const CategoricalInputSpec& input, std::int64_t id);
std::int32_t BucketOf(const CategoricalInputSpec& input, std::string_view text);

// Texts for an input that is not hashed.
absl::Status TextsNotHashed(std::string_view field, const CategoricalInputSpec& input);

// What the rows of a request are: numeric inputs, [n, 0] if the network takes none, and categories.
struct DecodedInputs {
  Matrix inputs;
  Categories categories;
};
absl::StatusOr<DecodedInputs> DecodeInputs(
    bool has_inputs, const v1::Tensor& inputs,
    const google::protobuf::RepeatedPtrField<v1::CategoricalValues>& categories,
    const Network& network);

// The encoding that answers a request with these inputs.
Encoding EncodingOf(const v1::Tensor& inputs,
                    const google::protobuf::RepeatedPtrField<v1::CategoricalValues>& categories);

// The gradients of all tables, each of which has to be there.
absl::StatusOr<TableGradients> DecodeTableGradients(
    std::string_view field, const google::protobuf::RepeatedPtrField<v1::SparseRows>& messages,
    const Network& network);

// The gradient of one table, counted among the tables.
void EncodeTableGradient(const Network& network, std::size_t table, const TableGradients& gradients,
                         Encoding encoding, v1::SparseRows* message);

}  // namespace descent::wire

#endif  // SERVER_WIRE_CATEGORIES_H_
