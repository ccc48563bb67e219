// What a matrix product (core/kernels/gemm.h) is of.

#ifndef CORE_KERNELS_GEMM_OPERANDS_H_
#define CORE_KERNELS_GEMM_OPERANDS_H_

#include <cstdint>

namespace descent {

// What becomes of a sum while it is still in a register: the rectifier is cheaper there than a pass
// over memory.
enum class GemmFinish : std::uint8_t {
  kNone,
  kRelu,            // c = σ(c)
  kReluDerivative,  // c *= σ′, from `activations`
};

// Reads of `a`, `b`, `start` and `activations` may run up to kPadding bytes past their last
// element, so they must lie in a Buffer; the surplus is never used. `c` is written exactly.
template <typename T>
struct GemmOperands {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;

  // a(i, p) = a[i * a_row_stride + p * a_col_stride]; one of the two strides is 1.
  const T* a = nullptr;
  std::int64_t a_row_stride = 0;
  std::int64_t a_col_stride = 0;

  // b(p, j) = b[p * b_row_stride + j * b_col_stride]; one of the two strides is 1.
  const T* b = nullptr;
  std::int64_t b_row_stride = 0;
  std::int64_t b_col_stride = 0;

  T* c = nullptr;            // c(i, j) = c[i * n + j]
  const T* start = nullptr;  // [n], or null for zero

  GemmFinish finish = GemmFinish::kNone;
  const T* activations = nullptr;  // of kReluDerivative: σ's values, [m, n]
};

}  // namespace descent

#endif  // CORE_KERNELS_GEMM_OPERANDS_H_
