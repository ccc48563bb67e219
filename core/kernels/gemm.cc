#include "core/kernels/gemm.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/kernels/gemm_kernel.h"
#include "core/kernels/gemm_pack.h"
#include "core/kernels/packet.h"

namespace descent {
namespace gemm {
namespace {

// A task is at most so many rows and panels of c. Each packs a panel of b for itself, so it should
// be tall; its part of a for one k-range (792 KiB of floats at most) should stay in the
// second-level cache, and so should what the epilogue reads.
constexpr std::int64_t kTaskRows = 44 * kBlockRows;
constexpr std::int64_t kTaskPanels = 16;
template <typename T>
constexpr std::int64_t kRangeK = sizeof(T) == 4 ? 384 : 192;

// So few rows read b where it lies: packing costs more than it saves. So little of b, too.
constexpr std::int64_t kInPlaceRows = 132;
constexpr std::int64_t kInPlaceElements = 8192;

// Narrower products read a where it lies.
constexpr std::int64_t kPackLeftPanels = 8;

// Below so many multiply-adds a product runs on the calling thread: a fork costs more.
constexpr std::int64_t kForkWork = std::int64_t{1} << 19;

// Of a fork, so that a slow thread leaves work to a fast one.
constexpr int kTasksPerThread = 2;

constexpr std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <typename T, int NP, bool kRowMajorA>
void DispatchRows(std::int64_t rows, const Block<T>& block) {
  const auto select = [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    ((rows == kIndex + 1 ? ComputeBlock<T, kIndex + 1, NP, kRowMajorA>(block) : void()), ...);
  };
  constexpr int kMaxRows = NP == kWidePackets ? 2 : kBlockRows;
  select(std::make_integer_sequence<int, kMaxRows>());
}

// A part of c.
struct Tile {
  std::int64_t row;
  std::int64_t rows;
  std::int64_t col;
  std::int64_t cols;
};

// The cut of a tile's rows into blocks. They are dealt out evenly: a block of few rows computes
// slowly.
class RowBlocks {
 public:
  explicit RowBlocks(const Tile& tile)
      : row_(tile.row),
        blocks_(CeilDiv(tile.rows, kBlockRows)),
        rows_(tile.rows / blocks_),
        taller_(tile.rows % blocks_) {}

  std::int64_t blocks() const { return blocks_; }
  // Of a block, and behind the last one.
  std::int64_t First(std::int64_t block) const {
    return row_ + block * rows_ + std::min(block, taller_);
  }

 private:
  std::int64_t row_, blocks_;
  std::int64_t rows_, taller_;  // `taller_` of the blocks have a row more
};

// The cut of c into tiles, each a task.
class Tiling {
 public:
  // As Job's.
  Tiling(std::int64_t m, std::int64_t n, std::int64_t panel, int threads, int tasks_per_thread)
      : m_(m),
        n_(n),
        panel_(panel),
        panels_(CeilDiv(n, panel)),
        down_(CeilDiv(m, kTaskRows)),
        across_(CeilDiv(panels_, kTaskPanels)) {
    if (threads == 1) return;
    // Each row of tiles packs b anew, so columns are cut once rows are in two.
    const std::int64_t wanted = std::int64_t{threads} * tasks_per_thread;
    if (m >= 4 * kBlockRows) down_ = std::max<std::int64_t>(down_, 2);
    across_ = std::clamp(CeilDiv(wanted, down_), across_, panels_);
    if (down_ * across_ < wanted) {
      down_ = std::max(down_, std::min(CeilDiv(wanted, across_), m / kBlockRows));
    }
  }

  std::int64_t size() const { return down_ * across_; }
  Tile operator[](std::int64_t index) const {
    const std::int64_t i = index / across_;
    const std::int64_t j = index % across_;
    const std::int64_t row = m_ * i / down_;
    const std::int64_t col = panels_ * j / across_ * panel_;
    return {.row = row,
            .rows = m_ * (i + 1) / down_ - row,
            .col = col,
            .cols = std::min(n_, panels_ * (j + 1) / across_ * panel_) - col};
  }

 private:
  std::int64_t m_, n_, panel_, panels_;
  std::int64_t down_, across_;
};

template <typename T>
class Product {
 public:
  explicit Product(const GemmOperands<T>& operands)
      : x_(operands), row_major_a_(operands.a_col_stride == 1) {
    b_in_place_ = x_.b_col_stride == 1 && (x_.m <= kInPlaceRows || x_.k * x_.n <= kInPlaceElements);
    wide_ = b_in_place_ && x_.m <= 2;
    // Rows that are a multiple of 4 KiB apart fall into the same few lines of the first-level
    // cache; columns of few rows each use a part of every line.
    const std::int64_t stride = row_major_a_ ? x_.a_row_stride : x_.a_col_stride;
    const bool scattered = row_major_a_ ? stride * sizeof(T) % 4096 == 0 : stride >= 128;
    a_in_place_ = x_.n < kPackLeftPanels * kBlockCols<T> || !scattered;
  }

  // Columns that are computed together.
  std::int64_t panel() const { return wide_ ? kWidePackets * kLanes<T> : kBlockCols<T>; }

  void Compute(const Tile& tile) const {
    const RowBlocks rows(tile);
    for (std::int64_t p = 0; p < x_.k; p += kRangeK<T>) {
      const std::int64_t k = std::min(kRangeK<T>, x_.k - p);
      const T* const packed_a = a_in_place_ ? nullptr : PackLeftHand(rows, p, k);
      for (std::int64_t j = tile.col; j < tile.col + tile.cols; j += panel()) {
        Block<T> block{.k = k,
                       .a = nullptr,
                       .lda = row_major_a_ ? x_.a_row_stride : x_.a_col_stride,
                       .b = b_in_place_ ? x_.b + p * x_.b_row_stride + j : PackPanel(j, p, k),
                       .ldb = b_in_place_ ? x_.b_row_stride : kBlockCols<T>,
                       .c = nullptr,
                       .ldc = x_.n,
                       .start = x_.start != nullptr ? x_.start + j : nullptr,
                       .resume = p > 0,
                       .cols = std::min(panel(), tile.col + tile.cols - j),
                       .finish = p + k == x_.k ? x_.finish : GemmFinish::kNone,
                       .activations = nullptr};
        for (std::int64_t i = 0; i < rows.blocks(); ++i) {
          const std::int64_t row = rows.First(i);
          block.c = x_.c + row * x_.n + j;
          if (x_.activations != nullptr) block.activations = x_.activations + row * x_.n + j;
          if (packed_a != nullptr) {
            block.a = packed_a + i * k * kBlockRows;
            block.lda = kBlockRows;
          } else {
            block.a = x_.a + row * x_.a_row_stride + p * x_.a_col_stride;
          }
          ComputeRows(rows.First(i + 1) - row, packed_a == nullptr && row_major_a_, block);
        }
      }
    }
  }

 private:
  // A tile's left-hand rows for one k-range, block by block as k columns of kBlockRows.
  const T* PackLeftHand(const RowBlocks& cut, std::int64_t p, std::int64_t k) const {
    T* const packed = Scratch<T, 0>(cut.blocks() * kBlockRows * k);
    for (std::int64_t i = 0; i < cut.blocks(); ++i) {
      const std::int64_t row = cut.First(i);
      const std::int64_t rows = cut.First(i + 1) - row;
      const T* const a = x_.a + row * x_.a_row_stride + p * x_.a_col_stride;
      T* const block = packed + i * kBlockRows * k;
      if (row_major_a_) {
        PackRowBlock(a, x_.a_row_stride, rows, k, block);
      } else {
        PackColumnBlock(a, x_.a_col_stride, k, block);
      }
    }
    return packed;
  }

  const T* PackPanel(std::int64_t col, std::int64_t p, std::int64_t k) const {
    T* const packed = Scratch<T, 1>(kRangeK<T> * kBlockCols<T>);
    const T* const b = x_.b + p * x_.b_row_stride + col * x_.b_col_stride;
    if (x_.b_col_stride == 1) {
      PackRows(b, x_.b_row_stride, k, packed);
    } else {
      PackColumns(b, x_.b_col_stride, k, x_.n - col, packed);
    }
    return packed;
  }

  void ComputeRows(std::int64_t rows, bool row_major, const Block<T>& block) const {
    const bool one_packet = block.cols <= kLanes<T>;
    if (row_major) {
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
  bool a_in_place_ = true;
  bool b_in_place_ = true;
  bool wide_ = false;
};

// The finish of a product that was computed without.
template <typename T>
void Finish(const GemmOperands<T>& x) {
  if (x.finish == GemmFinish::kNone) return;
  kernels::ForEachPacket<T>(x.m * x.n, [&x](auto slice) {
    const Packet<T> sum = slice.Load(x.c).raw();
    const Packet<T> finished = x.finish == GemmFinish::kRelu
                                   ? Rectified<T>(sum)
                                   : RectifiedDerivative<T>(sum, slice.Load(x.activations).raw());
    slice.Store(kernels::Packet<T>::FromRegister(finished), x.c);
  });
}

// n = 1: a row of a against the column b.
template <typename T>
void ColumnProduct(const GemmOperands<T>& x, GemmEpilogue epilogue) {
  DESCENT_CHECK(x.a_col_stride == 1);
  DESCENT_CHECK(x.b_row_stride == 1 || x.k == 1);
  const T start = x.start != nullptr ? x.start[0] : T(0);
  for (std::int64_t i = 0; i < x.m; ++i) {
    x.c[i] = start + Dot(x.a + i * x.a_row_stride, x.b, x.k);
  }
  Finish(x);
  epilogue(0, x.m, 0, 1);
}

// A product as tasks that may run in any order and at once.
template <typename T>
class Job {
 public:
  // At most `threads` threads will work on it, and there are to be so many tasks for each, where
  // the product is large enough.
  Job(const GemmOperands<T>& operands, GemmEpilogue epilogue, int threads, int tasks_per_thread)
      : x_(operands),
        epilogue_(epilogue),
        product_(operands),
        tiling_(operands.m, operands.n, product_.panel(), threads, tasks_per_thread) {}

  std::int64_t tasks() const { return x_.n == 1 ? 1 : tiling_.size(); }
  void Run(std::int64_t task) const {
    if (x_.n == 1) return ColumnProduct(x_, epilogue_);
    const Tile tile = tiling_[task];
    product_.Compute(tile);
    epilogue_(tile.row, tile.rows, tile.col, tile.cols);
  }

 private:
  const GemmOperands<T>& x_;
  const GemmEpilogue epilogue_;
  const Product<T> product_;
  const Tiling tiling_;
};

// How many threads share the work: one multiplies and adds `work` times.
int ThreadsFor(const ThreadPool* pool, std::int64_t work) {
  return pool != nullptr && work >= kForkWork ? pool->threads() : 1;
}

template <typename T>
std::int64_t WorkOf(const GemmOperands<T>& x) {
  return x.n == 1 ? 0 : x.m * x.n * x.k;
}

// On a pool of one thread too, which may have other things to do between tasks.
template <typename Body>
void RunTasks(std::int64_t tasks, int threads, ThreadPool* pool, const Body& body) {
  if (threads > 1 || (pool != nullptr && pool->threads() == 1)) {
    pool->ParallelFor(tasks, body);
  } else {
    for (std::int64_t task = 0; task < tasks; ++task) body(task);
  }
}

}  // namespace
}  // namespace gemm

template <typename T>
void Gemm(const GemmOperands<T>& operands, ThreadPool* pool, GemmEpilogue epilogue) {
  const int threads = gemm::ThreadsFor(pool, gemm::WorkOf(operands));
  const gemm::Job<T> job(operands, epilogue, threads, gemm::kTasksPerThread);
  gemm::RunTasks(job.tasks(), threads, pool, [&](std::int64_t task) { job.Run(task); });
}

template <typename T>
void GemmBoth(const GemmOperands<T>& first, GemmEpilogue first_epilogue,
              const GemmOperands<T>& second, GemmEpilogue second_epilogue, ThreadPool* pool) {
  const int threads = gemm::ThreadsFor(pool, gemm::WorkOf(first) + gemm::WorkOf(second));
  const gemm::Job<T> one(first, first_epilogue, threads, gemm::kTasksPerThread / 2);
  const gemm::Job<T> other(second, second_epilogue, threads, gemm::kTasksPerThread / 2);
  gemm::RunTasks(one.tasks() + other.tasks(), threads, pool, [&](std::int64_t task) {
    task < one.tasks() ? one.Run(task) : other.Run(task - one.tasks());
  });
}

template void Gemm<float>(const GemmOperands<float>&, ThreadPool*, GemmEpilogue);
template void Gemm<double>(const GemmOperands<double>&, ThreadPool*, GemmEpilogue);
template void GemmBoth<float>(const GemmOperands<float>&, GemmEpilogue, const GemmOperands<float>&,
                              GemmEpilogue, ThreadPool*);
template void GemmBoth<double>(const GemmOperands<double>&, GemmEpilogue,
                               const GemmOperands<double>&, GemmEpilogue, ThreadPool*);

}  // namespace descent
