#include "core/kernels/gemm.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/kernels/gemm_kernel.h"

namespace descent {
namespace gemm {
namespace {

// Rows of c that one task computes at most, so that its part of a stays in the second-level cache
// for one k-range: 96 * 384 floats are 144 KiB.
constexpr std::int64_t kTaskRows = 96;
template <typename T>
constexpr std::int64_t kRangeK = sizeof(T) == 4 ? 384 : 192;

// Below so many multiply-adds a product runs on the calling thread: a fork costs more.
constexpr std::int64_t kForkWork = std::int64_t{1} << 18;

constexpr std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The right-hand matrix as the blocks read it: in place, or packed into panels of kBlockCols
// columns, k rows each, zero behind the last column.
template <typename T>
struct RightHand {
  const T* data;
  std::int64_t row_stride;
  std::int64_t panel_stride;

  const T* At(std::int64_t p, std::int64_t col) const {
    return data + col / kBlockCols<T> * panel_stride + p * row_stride;
  }
};

// One panel from a matrix whose rows are contiguous: cols <= kBlockCols columns.
template <typename T>
void PackRows(const T* b, std::int64_t stride, std::int64_t k, std::int64_t cols, T* panel) {
  for (std::int64_t p = 0; p < k; ++p, b += stride, panel += kBlockCols<T>) {
    std::copy(b, b + cols, panel);
    std::fill(panel + cols, panel + kBlockCols<T>, T(0));
  }
}

// One panel from a matrix whose columns are contiguous, by register-sized transposed blocks.
template <typename T>
void PackColumns(const T* b, std::int64_t stride, std::int64_t k, std::int64_t cols, T* panel) {
  constexpr int kW = kLanes<T>;
  using P = Packet<T>;
  const std::int64_t whole_k = k / kW * kW;
  for (std::int64_t j = 0; j < kBlockCols<T>; j += kW) {
    if (cols - j >= kW) {
      for (std::int64_t p = 0; p < whole_k; p += kW) {
        Eigen::internal::PacketBlock<P, kW> block;
        for (int i = 0; i < kW; ++i) {
          block.packet[i] = Eigen::internal::ploadu<P>(b + (j + i) * stride + p);
        }
        Eigen::internal::ptranspose(block);
        for (int i = 0; i < kW; ++i) {
          Eigen::internal::pstoreu(panel + (p + i) * kBlockCols<T> + j, block.packet[i]);
        }
      }
    }
    for (std::int64_t p = cols - j >= kW ? whole_k : 0; p < k; ++p) {
      for (int i = 0; i < kW; ++i) {
        panel[p * kBlockCols<T> + j + i] = j + i < cols ? b[(j + i) * stride + p] : T(0);
      }
    }
  }
}

template <typename T>
RightHand<T> PackRightHand(const GemmOperands<T>& x, ThreadPool* pool, Buffer* packed) {
  const std::int64_t panels = CeilDiv(x.n, kBlockCols<T>);
  const std::int64_t panel_size = x.k * kBlockCols<T>;
  if (packed->type() != kDataTypeOf<T> || packed->size() < panels * panel_size) {
    packed->Resize(kDataTypeOf<T>, panels * panel_size);
  }
  T* const data = packed->data<T>();
  const auto pack = [&](std::int64_t panel) {
    const std::int64_t col = panel * kBlockCols<T>;
    const std::int64_t cols = std::min<std::int64_t>(kBlockCols<T>, x.n - col);
    T* const target = data + panel * panel_size;
    if (x.b_col_stride == 1) {
      PackRows(x.b + col, x.b_row_stride, x.k, cols, target);
    } else {
      PackColumns(x.b + col * x.b_col_stride, x.b_col_stride, x.k, cols, target);
    }
  };
  if (pool != nullptr && x.k * x.n >= kForkWork / 8) {
    pool->ParallelFor(panels, pack);
  } else {
    for (std::int64_t panel = 0; panel < panels; ++panel) pack(panel);
  }
  return {data, kBlockCols<T>, panel_size};
}

template <typename T, int NP, bool kRowMajorA>
void DispatchRows(std::int64_t rows, const Block<T>& block) {
  const auto select = [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    ((rows == kIndex + 1 ? ComputeBlock<T, kIndex + 1, NP, kRowMajorA>(block) : void()), ...);
  };
  constexpr int kMaxRows = NP == kWidePackets ? 2 : kBlockRows;
  select(std::make_integer_sequence<int, kMaxRows>());
}

// A task's left-hand rows for one k-range, contiguous in the order the blocks read them.
template <typename T>
const T* PackLeftHand(const GemmOperands<T>& x, std::int64_t row, std::int64_t rows,
                      std::int64_t p0, std::int64_t k) {
  thread_local Buffer scratch;
  if (scratch.type() != kDataTypeOf<T> || scratch.size() < kTaskRows * kRangeK<T>) {
    scratch.Resize(kDataTypeOf<T>, (kTaskRows + kBlockRows) * kRangeK<T>);
  }
  T* target = scratch.data<T>();
  for (std::int64_t i = 0; i < rows; i += kBlockRows) {
    const std::int64_t block = std::min<std::int64_t>(kBlockRows, rows - i);
    const T* source = x.a + (row + i) + p0 * x.a_col_stride;
    for (std::int64_t p = 0; p < k; ++p, source += x.a_col_stride, target += kBlockRows) {
      if (block == kBlockRows) {
        std::copy(source, source + kBlockRows, target);
      } else {
        std::copy(source, source + block, target);
      }
    }
  }
  return scratch.data<T>();
}

template <typename T>
class Product {
 public:
  Product(const GemmOperands<T>& operands, ThreadPool* pool, Buffer* packed)
      : x_(operands), row_major_a_(operands.a_col_stride == 1) {
    // Packing pays when the matrix is read by many rows and does not lie well in the cache.
    const bool in_place = x_.b_col_stride == 1 && (x_.m < 24 || x_.k * x_.n <= 8192);
    b_ = in_place ? RightHand<T>{x_.b, x_.b_row_stride, kBlockCols<T>}
                  : PackRightHand(x_, pool, packed);
    wide_ = in_place && x_.m <= 2;
    pack_a_ = !row_major_a_ && x_.n >= 4 * kBlockCols<T> && x_.a_col_stride >= 128;
  }

  void Compute(std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) const {
    for (std::int64_t p = 0; p < x_.k; p += kRangeK<T>) {
      const std::int64_t k = std::min(kRangeK<T>, x_.k - p);
      const T* packed_a = pack_a_ ? PackLeftHand(x_, row, rows, p, k) : nullptr;
      const std::int64_t width = wide_ ? kWidePackets * kLanes<T> : kBlockCols<T>;
      for (std::int64_t j = col; j < col + cols; j += width) {
        for (std::int64_t i = row; i < row + rows; i += kBlockRows) {
          const std::int64_t block_rows = std::min<std::int64_t>(kBlockRows, row + rows - i);
          Block<T> block{.k = k,
                         .a = x_.a + i * x_.a_row_stride + p * x_.a_col_stride,
                         .lda = row_major_a_ ? x_.a_row_stride : x_.a_col_stride,
                         .b = b_.At(p, j),
                         .ldb = b_.row_stride,
                         .c = x_.c + i * x_.n + j,
                         .ldc = x_.n,
                         .start = x_.start != nullptr ? x_.start + j : nullptr,
                         .resume = p > 0,
                         .cols = std::min(width, col + cols - j)};
          if (pack_a_) {
            block.a = packed_a + (i - row) * k;
            block.lda = kBlockRows;
          }
          ComputeRows(block_rows, block);
        }
      }
    }
  }

 private:
  void ComputeRows(std::int64_t rows, const Block<T>& block) const {
    const bool one_packet = block.cols <= kLanes<T>;
    if (row_major_a_) {
      if (one_packet) return DispatchRows<T, 1, true>(rows, block);
      if (wide_) return DispatchRows<T, kWidePackets, true>(rows, block);
      return DispatchRows<T, kBlockPackets, true>(rows, block);
    }
    if (one_packet) return DispatchRows<T, 1, false>(rows, block);
    if (wide_) return DispatchRows<T, kWidePackets, false>(rows, block);
    return DispatchRows<T, kBlockPackets, false>(rows, block);
  }

  const GemmOperands<T>& x_;
  const bool row_major_a_;
  RightHand<T> b_;
  bool wide_ = false;
  bool pack_a_ = false;
};

// n = 1: a row of a against the column b.
template <typename T>
void ColumnProduct(const GemmOperands<T>& x, GemmEpilogue epilogue) {
  DESCENT_CHECK(x.a_col_stride == 1);
  DESCENT_CHECK(x.b_row_stride == 1 || x.k == 1);
  const T start = x.start != nullptr ? x.start[0] : T(0);
  for (std::int64_t i = 0; i < x.m; ++i) {
    x.c[i] = start + Dot(x.a + i * x.a_row_stride, x.b, x.k);
  }
  epilogue(0, x.m, 0, 1);
}

}  // namespace
}  // namespace gemm

template <typename T>
void Gemm(const GemmOperands<T>& operands, ThreadPool* pool, Buffer* packed,
          GemmEpilogue epilogue) {
  using gemm::CeilDiv;
  const GemmOperands<T>& x = operands;
  if (x.n == 1) {
    gemm::ColumnProduct(x, epilogue);
    return;
  }
  const bool fork = pool != nullptr && pool->threads() > 1 && x.m * x.n * x.k >= gemm::kForkWork;
  const gemm::Product<T> product(x, fork ? pool : nullptr, packed);

  std::int64_t task_rows = std::min(x.m, gemm::kTaskRows);
  std::int64_t task_cols = x.n;
  if (fork) {
    // At least two tasks a thread; the longer side is cut first.
    const std::int64_t wanted = 2 * pool->threads();
    const auto cut = [](std::int64_t extent, std::int64_t parts, std::int64_t unit) {
      return std::max(CeilDiv(CeilDiv(extent, parts), unit) * unit, 4 * unit);
    };
    if (CeilDiv(x.m, task_rows) < wanted && x.n > x.m) {
      task_cols = cut(x.n, CeilDiv(wanted, CeilDiv(x.m, task_rows)), gemm::kBlockCols<T>);
    } else if (CeilDiv(x.m, task_rows) < wanted) {
      task_rows = std::min(task_rows, cut(x.m, wanted, gemm::kBlockRows));
    }
  }
  const std::int64_t across = CeilDiv(x.n, task_cols);
  const auto run = [&](std::int64_t task) {
    const std::int64_t row = task / across * task_rows;
    const std::int64_t col = task % across * task_cols;
    const std::int64_t rows = std::min(task_rows, x.m - row);
    const std::int64_t cols = std::min(task_cols, x.n - col);
    product.Compute(row, rows, col, cols);
    epilogue(row, rows, col, cols);
  };
  const std::int64_t tasks = CeilDiv(x.m, task_rows) * across;
  if (fork) {
    pool->ParallelFor(tasks, run);
  } else {
    for (std::int64_t task = 0; task < tasks; ++task) run(task);
  }
}

template void Gemm<float>(const GemmOperands<float>&, ThreadPool*, Buffer*, GemmEpilogue);
template void Gemm<double>(const GemmOperands<double>&, ThreadPool*, Buffer*, GemmEpilogue);

}  // namespace descent
