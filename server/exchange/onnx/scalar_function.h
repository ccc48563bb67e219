// Operators that compute each element by itself, on numbers.

#ifndef SERVER_EXCHANGE_ONNX_SCALAR_FUNCTION_H_
#define SERVER_EXCHANGE_ONNX_SCALAR_FUNCTION_H_

#include "absl/types/span.h"
#include "server/exchange/onnx/operators.h"

namespace descent::exchange {

// Whether the operator is one, of a node that CheckOperator has passed.
bool IsScalarFunction(const GraphNode& node);

// What such a node makes of its inputs, one number each; NaN where an input is missing. A truth
// value is 1 or 0. For Clip, limits that are left out are infinite.
double ApplyScalarFunction(const GraphNode& node, absl::Span<const double> inputs);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_SCALAR_FUNCTION_H_
