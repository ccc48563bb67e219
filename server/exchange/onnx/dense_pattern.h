#ifndef SERVER_EXCHANGE_ONNX_DENSE_PATTERN_H_
#define SERVER_EXCHANGE_ONNX_DENSE_PATTERN_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "server/exchange/onnx/constant.h"

namespace descent::exchange {

// z = x W + b.
struct DensePattern {
  absl::string_view input;
  Constant kernel;  // [inputs, units]
  std::optional<Constant> bias;
  // Numbers that were computed with, of what was scaled and shifted beside it.
  std::int64_t computed = 0;
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_DENSE_PATTERN_H_
