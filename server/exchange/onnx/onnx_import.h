// A network from an ONNX graph: what PyTorch's exporters, sklearn-onnx, tf2onnx and WriteOnnx write
// of a network of layers.

#ifndef SERVER_EXCHANGE_ONNX_ONNX_IMPORT_H_
#define SERVER_EXCHANGE_ONNX_ONNX_IMPORT_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/spec.h"
#include "server/exchange/model_file.h"

namespace descent::exchange {

// What a graph can't say: dropout, the loss, seeds, initialisers.
struct OnnxHints {
  // The network that the graph is to be. One that computes something else is refused.
  std::optional<NetworkSpec> network = {};
  // The network as the file's metadata describe it. Taken where the graph computes the same, and
  // left alone where it does not: the graph was changed since.
  std::optional<NetworkSpec> described = {};
  // The loss to go on with, unless a network says it.
  std::optional<LossSpec> loss = {};
};

// Of `file`, the bytes of an ONNX model without external data.
//
// A final Softmax, Sigmoid or Exp is the output transform of softmax cross-entropy, binary
// cross-entropy or the Poisson loss; with a hint at another loss, Sigmoid and Exp are the last
// layer's activation. Without such an end the loss is the hint's, or the mean squared error.
// Of several outputs those of integers, Booleans or strings are labels and left out; exactly one
// has to be left.
//
// kInvalidArgument naming the node and its operator where the graph does what no layer does
// (UNSUPPORTED_FILE), the part of the file that is wrong (MALFORMED_FILE, NON_FINITE_VALUE), or the
// network that was given and is another (FILE_MISMATCH).
// Takes time and memory in proportion to the file's size.
absl::StatusOr<ImportedModel> ReadOnnx(absl::string_view file, const OnnxHints& hints);

// The metadata alone, without a look at the graph.
absl::StatusOr<FileMetadata> ReadOnnxMetadata(absl::string_view file);

// The most bytes that ReadOnnx takes beside the file, about: for its messages, and for what comes
// out of it. For most files that is some times their size. kInvalidArgument as ReadOnnx.
absl::StatusOr<std::int64_t> BytesToReadOnnx(absl::string_view file);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_ONNX_IMPORT_H_
