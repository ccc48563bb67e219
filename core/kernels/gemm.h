// The one matrix product of the engine: forward, weight gradients and input gradients all use it.
//
//   c(i, j) = start(j) + Σ_p a(i, p) b(p, j)      i < m, j < n, p < k
//
// What it computes is defined down to the bit, for everything that surrounds it (blocking, packing,
// number of threads, number of rows) is free to change as long as the definition holds:
//
//   n > 1:  c = start(j); for p = 0 … k-1 in order: c = madd(a(i, p), b(p, j), c)
//   n = 1:  the p are dealt out in turn to 64 / sizeof(T) lanes, each lane sums its own in order by
//           madd, and the lanes are added in a fixed tree (core/kernels/lane_sums.h), then start
//
// where madd is the fused multiply-add. So an element depends on its row of a, its column of b, k
// and nothing else.

#ifndef CORE_KERNELS_GEMM_H_
#define CORE_KERNELS_GEMM_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "core/kernels/gemm_operands.h"
#include "core/thread_pool.h"

namespace descent {

// Called for blocks of c when they are final, from the thread that computed them: rows
// [row, row + rows), columns [col, col + cols). Blocks cover c exactly once.
using GemmEpilogue = absl::FunctionRef<void(std::int64_t row, std::int64_t rows, std::int64_t col,
                                            std::int64_t cols)>;

// Computes c. `pool` may be null. Each thread that takes part keeps up to half a megabyte of
// scratch.
template <typename T>
void Gemm(const GemmOperands<T>& operands, ThreadPool* pool, GemmEpilogue epilogue);

// Two products that don't need each other, so that threads wait for one another once.
template <typename T>
void GemmBoth(const GemmOperands<T>& first, GemmEpilogue first_epilogue,
              const GemmOperands<T>& second, GemmEpilogue second_epilogue, ThreadPool* pool);

extern template void Gemm<float>(const GemmOperands<float>&, ThreadPool*, GemmEpilogue);
extern template void Gemm<double>(const GemmOperands<double>&, ThreadPool*, GemmEpilogue);
extern template void GemmBoth<float>(const GemmOperands<float>&, GemmEpilogue,
                                     const GemmOperands<float>&, GemmEpilogue, ThreadPool*);
extern template void GemmBoth<double>(const GemmOperands<double>&, GemmEpilogue,
                                      const GemmOperands<double>&, GemmEpilogue, ThreadPool*);

}  // namespace descent

#endif  // CORE_KERNELS_GEMM_H_
