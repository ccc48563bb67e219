// What an ONNX file would take in memory, told before it is parsed.

#ifndef SERVER_EXCHANGE_ONNX_PARTS_H_
#define SERVER_EXCHANGE_ONNX_PARTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace descent::exchange {

// About how many bytes the parts of `file` take as objects. kInvalidArgument (MALFORMED_FILE) where
// it is no message of Protobuf, or one of so many small parts that they would take more than 16
// times the file's size and a megabyte.
absl::StatusOr<std::int64_t> PartBytes(absl::string_view file);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_PARTS_H_
