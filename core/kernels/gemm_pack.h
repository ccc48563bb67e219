// Copies of parts of a product's operands, in the order in which ComputeBlock reads them. A panel
// is small enough for the first or second cache level and read by many blocks. Internal to the
// core.

#ifndef CORE_KERNELS_GEMM_PACK_H_
#define CORE_KERNELS_GEMM_PACK_H_

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>

#include "core/buffer.h"
#include "core/kernels/gemm_kernel.h"

namespace descent::gemm {

// Scratch of one thread; grows, and is kept. Elements behind `size` for a whole register are there.
template <typename T, int kPurpose>
inline T* Scratch(std::int64_t size) {
  thread_local Buffer scratch;
  if (scratch.type() != kDataTypeOf<T> || scratch.size() < size) {
    scratch.Resize(kDataTypeOf<T>, size);
  }
  return scratch.data<T>();
}

// kLanes rows of kLanes elements, `stride` apart, as registers of columns. Rows from `rows` on
// repeat the last one.
template <typename T>
[[gnu::always_inline]] inline void LoadTransposed(
    const T* from, std::int64_t stride, std::int64_t rows,
    Eigen::internal::PacketBlock<Packet<T>, kLanes<T>>& block) {
  for (int i = 0; i < kLanes<T>; ++i) {
    const std::int64_t row = std::min<std::int64_t>(i, rows - 1);
    block.packet[i] = Eigen::internal::ploadu<Packet<T>>(from + row * stride);
  }
  Eigen::internal::ptranspose(block);
}

// A panel of b, k rows of kBlockCols, from a matrix whose rows are contiguous. Reads whole
// registers, as GemmOperands allows; what is behind the last column is never used.
template <typename T>
inline void PackRows(const T* b, std::int64_t stride, std::int64_t k, T* panel) {
  // Rows lie far apart, so the hardware does not foresee them.
  constexpr std::int64_t kAhead = 16;
  for (std::int64_t p = 0; p < k; ++p, b += stride, panel += kBlockCols<T>) {
    for (int j = 0; j < kBlockPackets; ++j) {
      __builtin_prefetch(b + kAhead * stride + j * kLanes<T>);
      Eigen::internal::pstoreu(panel + j * kLanes<T>,
                               Eigen::internal::ploadu<Packet<T>>(b + j * kLanes<T>));
    }
  }
}

// The same from a matrix whose columns are contiguous, of which there are `cols`. Reads whole
// registers, as GemmOperands allows.
template <typename T>
inline void PackColumns(const T* b, std::int64_t stride, std::int64_t k, std::int64_t cols,
                        T* panel) {
  constexpr int kW = kLanes<T>;
  for (std::int64_t j = 0; j < std::min<std::int64_t>(cols, kBlockCols<T>); j += kW) {
    const T* const source = b + j * stride;
    const std::int64_t width = std::min<std::int64_t>(kW, cols - j);
    for (std::int64_t p = 0; p < k; p += kW) {
      Eigen::internal::PacketBlock<Packet<T>, kW> block;
      LoadTransposed(source + p, stride, width, block);
      for (int i = 0; i < kW; ++i) {
        if (p + i >= k) break;
        Eigen::internal::pstoreu(panel + (p + i) * kBlockCols<T> + j, block.packet[i]);
      }
    }
  }
}

// `rows` <= kBlockRows rows of a whose rows are contiguous, as k columns kBlockRows apart. Writes
// up to a register more than that.
template <typename T>
inline void PackRowBlock(const T* a, std::int64_t stride, std::int64_t rows, std::int64_t k,
                         T* block) {
  constexpr int kW = kLanes<T>;
  constexpr int kGroups = (kBlockRows + kW - 1) / kW;
  std::int64_t p = 0;
  for (; p + kW <= k; p += kW) {
    Eigen::internal::PacketBlock<Packet<T>, kW> group[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      const std::int64_t first = std::min<std::int64_t>(g * kW, rows - 1);
      LoadTransposed(a + first * stride + p, stride, rows - first, group[g]);
    }
    // What a store writes behind its column the next one puts right.
    for (int q = 0; q < kW; ++q) {
      for (int g = 0; g < kGroups; ++g) {
        Eigen::internal::pstoreu(block + (p + q) * kBlockRows + g * kW, group[g].packet[q]);
      }
    }
  }
  for (; p < k; ++p) {
    for (std::int64_t i = 0; i < rows; ++i) block[p * kBlockRows + i] = a[i * stride + p];
  }
}

// The same where columns are contiguous. Reads whole registers, as GemmOperands allows.
template <typename T>
inline void PackColumnBlock(const T* a, std::int64_t stride, std::int64_t k, T* block) {
  for (std::int64_t p = 0; p < k; ++p, a += stride, block += kBlockRows) {
    for (int i = 0; i < kBlockRows; i += kLanes<T>) {
      Eigen::internal::pstoreu(block + i, Eigen::internal::ploadu<Packet<T>>(a + i));
    }
  }
}

}  // namespace descent::gemm

#endif  // CORE_KERNELS_GEMM_PACK_H_
