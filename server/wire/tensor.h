// Tensors of the wire <-> the engine's matrices, buffers and class indices.
//
// Decoding trusts nothing: type, shape and contents of a tensor are checked against each other and
// against what the network expects before anything is allocated. From there it is one pass: each
// element is read from the message, converted and written to the engine's aligned memory, and a
// block that holds a value that is not finite is refused.
//
// Errors are kInvalidArgument with `field` as their field, and as reason one of
//   WRONG_DATA_TYPE  the data type is missing, unknown or not allowed here
//   MALFORMED_TENSOR    the contents are not what data type and shape say
//   WRONG_SHAPE      not the expected shape; metadata expected, actual
//   NON_FINITE_VALUE    a NaN or an infinity, or a value that becomes one in the network's type;
//                       metadata row, column, counted from 0

#ifndef SERVER_WIRE_TENSOR_H_
#define SERVER_WIRE_TENSOR_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/batch.h"
#include "core/buffer.h"
#include "core/network.h"
#include "descent/v1/tensor.pb.h"

namespace descent::wire {

// How a request writes the numbers of its inputs, and so how its answer writes its own.
enum class Encoding : std::uint8_t {
  kRaw,      // raw, in the network's type
  kFloats,   // floats, rounded where the network computes in FLOAT64; doubles where a value of
             // such a network is out of their range
  kDoubles,  // doubles
  kNumbers,  // floats or doubles, as the network's type is: for inputs written as ints
};

// The encoding that answers `inputs`.
Encoding EncodingOf(const v1::Tensor& inputs);

// Stands for any number of rows, at least one, in an expected shape; messages call it n.
inline constexpr std::int64_t kAnyRows = -1;

// A tensor of shape [rows, cols] as a matrix of `type`. Any data type is converted.
absl::StatusOr<Matrix> DecodeMatrix(std::string_view field, const v1::Tensor& tensor,
                                    std::int64_t rows, std::int64_t cols, DataType type);

// Batch.weights for `rows` rows of inputs: shape [rows] of any data type, as a matrix [rows, 1];
// each is >= 0 and their sum is positive.
absl::StatusOr<Matrix> DecodeWeights(std::string_view field, const v1::Tensor& tensor,
                                     std::int64_t rows, const Network& network);

// Batch.targets for `rows` rows of inputs: shape [rows, outputs] of any data type; for losses that
// accept them also class indices, integers of shape [rows]. What the loss asks of the values is
// checked too (INVALID_FIELD; metadata row, column).
absl::StatusOr<Targets> DecodeTargets(std::string_view field, const v1::Tensor& tensor,
                                      std::int64_t rows, const Network& network);

// A vector of INT32 or INT64, of any length, none.
absl::StatusOr<std::vector<std::int64_t>> DecodeIntegers(std::string_view field,
                                                         const v1::Tensor& tensor);

// A vector of `size` numbers of any data type as a matrix [size, 1] of `type`.
absl::StatusOr<Matrix> DecodeVector(std::string_view field, const v1::Tensor& tensor,
                                    std::int64_t size, DataType type);

// That the tensor is of that shape, with contents as large as it says.
absl::Status CheckTensorShape(std::string_view field, const v1::Tensor& tensor,
                              absl::Span<const std::int64_t> shape);

// Whether a tensor may lose digits on its way.
enum class Conversion : std::uint8_t {
  kAny,
  kLossless,  // otherwise WRONG_DATA_TYPE
};

// A tensor of exactly `shape` into the elements of `out` that begin at `offset`, in its type.
absl::Status DecodeInto(std::string_view field, const v1::Tensor& tensor,
                        absl::Span<const std::int64_t> shape, Conversion conversion,
                        std::int64_t offset, Buffer* out);

// The elements of `values` from `offset` on as a tensor of `shape`.
void EncodeTensor(const Buffer& values, std::int64_t offset, absl::Span<const std::int64_t> shape,
                  Encoding encoding, v1::Tensor* tensor);

// [rows, cols].
void EncodeMatrix(const Matrix& matrix, Encoding encoding, v1::Tensor* tensor);

// One number of a network that computes in `type`, as a tensor without dimensions; of FLOAT64 where
// it is out of the range of FLOAT32.
void EncodeScalar(double value, DataType type, Encoding encoding, v1::Tensor* tensor);

}  // namespace descent::wire

#endif  // SERVER_WIRE_TENSOR_H_
