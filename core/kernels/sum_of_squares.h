// The sum of squares behind a gradient's norm.

#ifndef CORE_KERNELS_SUM_OF_SQUARES_H_
#define CORE_KERNELS_SUM_OF_SQUARES_H_

#include <cstdint>

namespace descent {

// Σ values[i]², in an order that depends on n alone. NaN or infinite exactly when an element is, or
// when the sum itself is beyond a double: float32 sums that overflow or vanish are redone in
// double.
double SumOfSquares(const float* values, std::int64_t n);
double SumOfSquares(const double* values, std::int64_t n);

}  // namespace descent

#endif  // CORE_KERNELS_SUM_OF_SQUARES_H_
