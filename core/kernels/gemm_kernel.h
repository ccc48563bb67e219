// The register-sized block of the matrix product: MR rows by NP registers of c, kept in registers
// while k runs. Internal to the core.

#ifndef CORE_KERNELS_GEMM_KERNEL_H_
#define CORE_KERNELS_GEMM_KERNEL_H_

#include <Eigen/Core>
#include <cstdint>

namespace descent::gemm {

template <typename T>
using Packet = typename Eigen::internal::packet_traits<T>::type;
template <typename T>
inline constexpr int kLanes = Eigen::internal::unpacket_traits<Packet<T>>::size;

// Rows and registers of a block: as many accumulators as the register file holds beside a row of b
// and one broadcast element of a (without fused multiply-add, beside a product too).
#if defined(EIGEN_VECTORIZE_AVX512) || defined(EIGEN_VECTORIZE_NEON)
inline constexpr int kBlockRows = 12;
#elif defined(EIGEN_VECTORIZE_FMA)
inline constexpr int kBlockRows = 6;
#else
inline constexpr int kBlockRows = 5;
#endif
inline constexpr int kBlockPackets = 2;
// Few rows leave registers free, which more columns fill: latency is hidden by independent sums.
inline constexpr int kWidePackets = 4;

template <typename T>
inline constexpr int kBlockCols = kBlockPackets * kLanes<T>;

// The k-range of one call. a(i, p) = a[i * lda + p] if kRowMajorA, else a[p * lda + i];
// b(p, j) = b[p * ldb + j], read in whole registers.
template <typename T>
struct Block {
  std::int64_t k;
  const T* a;
  std::int64_t lda;
  const T* b;
  std::int64_t ldb;
  T* c;
  std::int64_t ldc;
  const T* start;     // first k-range: the sums' start, null for zero
  bool resume;        // later k-ranges: the sums go on from c
  std::int64_t cols;  // columns of c that exist, <= NP * lanes
};

template <typename T, int MR, int NP, bool kRowMajorA>
void ComputeBlock(const Block<T>& block) {
  using Eigen::internal::pload1;
  using Eigen::internal::ploadu;
  using Eigen::internal::pmadd;
  using Eigen::internal::pset1;
  using Eigen::internal::pstoreu;
  using P = Packet<T>;
  constexpr int kWidth = NP * kLanes<T>;

  // A block at the right edge works on a copy of its part of c.
  T edge[MR * kWidth];
  T* c = block.c;
  std::int64_t ldc = block.ldc;
  const bool partial = block.cols < kWidth;
  if (partial) {
    if (block.resume) {
      for (int i = 0; i < MR; ++i) {
        for (std::int64_t j = 0; j < block.cols; ++j) {
          edge[i * kWidth + j] = block.c[i * block.ldc + j];
        }
        for (std::int64_t j = block.cols; j < kWidth; ++j) edge[i * kWidth + j] = T(0);
      }
    }
    c = edge;
    ldc = kWidth;
  }

  P sums[MR][NP];
  if (block.resume) {
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NP; ++j) sums[i][j] = ploadu<P>(c + i * ldc + j * kLanes<T>);
    }
  } else if (block.start != nullptr) {
    for (int j = 0; j < NP; ++j) {
      const P start = ploadu<P>(block.start + j * kLanes<T>);
      for (int i = 0; i < MR; ++i) sums[i][j] = start;
    }
  } else {
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NP; ++j) sums[i][j] = pset1<P>(T(0));
    }
  }

  const T* a = block.a;
  const T* b = block.b;
  const std::int64_t lda = block.lda;
  for (std::int64_t p = 0; p < block.k; ++p) {
    P row[NP];
#pragma GCC unroll 8
    for (int j = 0; j < NP; ++j) row[j] = ploadu<P>(b + j * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const P element = pset1<P>(kRowMajorA ? a[i * lda] : a[i]);
#pragma GCC unroll 8
      for (int j = 0; j < NP; ++j) sums[i][j] = pmadd(element, row[j], sums[i][j]);
    }
    a += kRowMajorA ? 1 : lda;
    b += block.ldb;
  }

  for (int i = 0; i < MR; ++i) {
    for (int j = 0; j < NP; ++j) pstoreu(c + i * ldc + j * kLanes<T>, sums[i][j]);
  }
  if (partial) {
    for (int i = 0; i < MR; ++i) {
      for (std::int64_t j = 0; j < block.cols; ++j) {
        block.c[i * block.ldc + j] = edge[i * kWidth + j];
      }
    }
  }
}

// Σ_p a[p] b[p], the p dealt out to lanes.
template <typename T>
T Dot(const T* a, const T* b, std::int64_t k) {
  using namespace Eigen::internal;
  using P = Packet<T>;
  P sum = pset1<P>(T(0));
  std::int64_t p = 0;
  for (; p + kLanes<T> <= k; p += kLanes<T>) sum = pmadd(ploadu<P>(a + p), ploadu<P>(b + p), sum);
  if (p < k) {
    T tail_a[kLanes<T>] = {};
    T tail_b[kLanes<T>] = {};
    for (std::int64_t q = 0; p + q < k; ++q) {
      tail_a[q] = a[p + q];
      tail_b[q] = b[p + q];
    }
    sum = pmadd(ploadu<P>(tail_a), ploadu<P>(tail_b), sum);
  }
  return predux(sum);
}

}  // namespace descent::gemm

#endif  // CORE_KERNELS_GEMM_KERNEL_H_
