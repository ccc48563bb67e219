// Sums over the rows of a matrix, the rows in order. Internal to the core.

#ifndef CORE_KERNELS_SUM_ROWS_H_
#define CORE_KERNELS_SUM_ROWS_H_

#include <cstdint>

#include "core/kernels/packet.h"

namespace descent::kernels {

// sums[j] = Σ_i values[i, j]: kPackets packets of columns, in registers.
template <typename T, int kPackets>
void SumStrip(const T* values, std::int64_t rows, std::int64_t cols, T* sums) {
  using P = Packet<T>;
  P strip[kPackets];
#pragma GCC unroll 8
  for (int j = 0; j < kPackets; ++j) strip[j] = P::Load(values + j * P::kLanes);
  for (std::int64_t i = 1; i < rows; ++i) {
    values += cols;
#pragma GCC unroll 8
    for (int j = 0; j < kPackets; ++j) strip[j] = strip[j] + P::Load(values + j * P::kLanes);
  }
#pragma GCC unroll 8
  for (int j = 0; j < kPackets; ++j) strip[j].Store(sums + j * P::kLanes);
}

// sums[j] = Σ_i values[i, j] for the columns j in [begin, end) of values [rows, cols].
template <typename T>
void SumRows(const T* values, std::int64_t rows, std::int64_t cols, std::int64_t begin,
             std::int64_t end, T* sums) {
  constexpr int kLanes = Packet<T>::kLanes;
  constexpr int kPackets = 4;
  std::int64_t j = begin;
  for (; j + kPackets * kLanes <= end; j += kPackets * kLanes) {
    SumStrip<T, kPackets>(values + j, rows, cols, sums + j);
  }
  for (; j + kLanes <= end; j += kLanes) SumStrip<T, 1>(values + j, rows, cols, sums + j);
  for (; j < end; ++j) {
    sums[j] = values[j];
    for (std::int64_t i = 1; i < rows; ++i) sums[j] += values[i * cols + j];
  }
}

}  // namespace descent::kernels

#endif  // CORE_KERNELS_SUM_ROWS_H_
