// Blocks of row-major matrices: their contiguous ranges, and how they are dealt out to threads.
// Internal to the core.

#ifndef CORE_KERNELS_ROW_RANGES_H_
#define CORE_KERNELS_ROW_RANGES_H_

#include <algorithm>
#include <cstdint>

#include "core/flat_chunks.h"
#include "core/thread_pool.h"

namespace descent::kernels {

// Calls function(offset, count) for the contiguous ranges of rows [row, row + rows), columns
// [col, col + cols) of a matrix with `width` columns.
template <typename Function>
void ForEachRange(std::int64_t width, std::int64_t row, std::int64_t rows, std::int64_t col,
                  std::int64_t cols, const Function& function) {
  if (cols == width) {
    function(row * width, rows * width);
    return;
  }
  for (std::int64_t i = row; i < row + rows; ++i) function(i * width + col, cols);
}

// Calls function(row, count) for blocks of rows that cover [0, rows), on the pool if the matrix is
// large. For work whose results depend on a row alone.
template <typename Function>
void ForEachRowBlock(std::int64_t rows, std::int64_t width, ThreadPool* pool,
                     const Function& function) {
  const std::int64_t block = std::max<std::int64_t>(1, kFlatChunk / width);
  const std::int64_t tasks = (rows + block - 1) / block;
  RunFlatTasks(rows * width, tasks, pool, [&](std::int64_t task) {
    const std::int64_t row = task * block;
    function(row, std::min(block, rows - row));
  });
}

}  // namespace descent::kernels

#endif  // CORE_KERNELS_ROW_RANGES_H_
