// What an ONNX file would take in memory, told before it is parsed.

#ifndef SERVER_EXCHANGE_ONNX_PARTS_H_
#define SERVER_EXCHANGE_ONNX_PARTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace descent::exchange {

// kInvalidArgument (MALFORMED_FILE) where `file` is no message of Protobuf, or one of so many small
// parts that as objects they would take more than 16 times the file's size and a megabyte.
absl::Status CheckParts(absl::string_view file);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_PARTS_H_
