// The register-sized block of the matrix product: MR rows by NP registers of c, kept in registers
// while k runs. Internal to the core; inline, so that it is hidden and calls to it are direct.

#ifndef CORE_KERNELS_GEMM_KERNEL_H_
#define CORE_KERNELS_GEMM_KERNEL_H_

#include <Eigen/Core>
#include <cstdint>

#include "core/activations/relu.h"
#include "core/kernels/fused.h"
#include "core/kernels/gemm_operands.h"
#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"

namespace descent::gemm {

template <typename T>
using Packet = typename Eigen::internal::packet_traits<T>::type;
template <typename T>
inline constexpr int kLanes = Eigen::internal::unpacket_traits<Packet<T>>::size;

// Rows and registers of a block: as many accumulators as the register file holds beside a row of b
// and one broadcast element of a (without fused multiply-add, beside a product too; on NEON, where
// the compiler keeps an element of each row in a register of its own, beside all of them).
#if defined(EIGEN_VECTORIZE_AVX512)
inline constexpr int kBlockRows = 12;
#elif defined(EIGEN_VECTORIZE_NEON)
inline constexpr int kBlockRows = 10;
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
  GemmFinish finish;  // of the last k-range; kNone before
  const T* activations;
};

// σ(z) and delta σ′ of the rectifier, for registers.
template <typename T>
[[gnu::always_inline]] inline Packet<T> Rectified(Packet<T> z) {
  return activations::Relu().Value(kernels::Packet<T>::FromRegister(z)).raw();
}
template <typename T>
[[gnu::always_inline]] inline Packet<T> RectifiedDerivative(Packet<T> delta, Packet<T> a) {
  using P = kernels::Packet<T>;
  return (P::FromRegister(delta) * activations::Relu().Derivative(P::FromRegister(a))).raw();
}

// The sums of a block. Every loop over them is unrolled whole, or they would live in memory.
template <typename T, int MR, int NP>
struct Sums {
  Packet<T> at[MR][NP];

  [[gnu::always_inline]] void Set(const T* start) {
#pragma GCC unroll 8
    for (int j = 0; j < NP; ++j) {
      const auto value = start == nullptr
                             ? Eigen::internal::pset1<Packet<T>>(T(0))
                             : Eigen::internal::ploadu<Packet<T>>(start + j * kLanes<T>);
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) at[i][j] = value;
    }
  }
  [[gnu::always_inline]] void Load(const T* c, std::int64_t ldc) {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < NP; ++j) {
        at[i][j] = Eigen::internal::ploadu<Packet<T>>(c + i * ldc + j * kLanes<T>);
      }
    }
  }
  [[gnu::always_inline]] void Rectify() {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < NP; ++j) at[i][j] = Rectified<T>(at[i][j]);
    }
  }
  [[gnu::always_inline]] void RectifyDerivative(const T* activations, std::int64_t stride) {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < NP; ++j) {
        const T* const a = activations + i * stride + j * kLanes<T>;
        at[i][j] = RectifiedDerivative<T>(at[i][j], Eigen::internal::ploadu<Packet<T>>(a));
      }
    }
  }
  [[gnu::always_inline]] void Store(T* c, std::int64_t ldc) const {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < NP; ++j) Eigen::internal::pstoreu(c + i * ldc + j * kLanes<T>, at[i][j]);
    }
  }
};

// The part of c that exists, from and to a block at the right edge.
template <typename T>
inline void CopyEdge(const T* from, std::int64_t from_stride, std::int64_t rows, std::int64_t cols,
                     T* to, std::int64_t to_stride) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) to[i * to_stride + j] = from[i * from_stride + j];
  }
}

template <typename T, int MR, int NP, bool kRowMajorA>
inline void ComputeBlock(const Block<T>& block) {
  using Eigen::internal::ploadu;
  using Eigen::internal::pset1;
  using P = Packet<T>;
  constexpr int kWidth = NP * kLanes<T>;
  const bool partial = block.cols < kWidth;

  Sums<T, MR, NP> sums;
  if (!block.resume) {
    sums.Set(block.start);
  } else if (partial) {
    T edge[MR * kWidth] = {};
    CopyEdge(block.c, block.ldc, MR, block.cols, edge, kWidth);
    sums.Load(edge, kWidth);
  } else {
    sums.Load(block.c, block.ldc);
  }
  // A long k-range hides the way of c from memory.
  if (block.k >= 128) {
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NP; ++j) __builtin_prefetch(block.c + i * block.ldc + j * kLanes<T>, 1);
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
      for (int j = 0; j < NP; ++j)
        sums.at[i][j] = kernels::FusedMulAdd(element, row[j], sums.at[i][j]);
    }
    a += kRowMajorA ? 1 : lda;
    b += block.ldb;
  }

  if (block.finish == GemmFinish::kRelu) {
    sums.Rectify();
  } else if (block.finish == GemmFinish::kReluDerivative) {
    sums.RectifyDerivative(block.activations, block.ldc);
  }

  if (partial) {
    T edge[MR * kWidth];
    sums.Store(edge, kWidth);
    CopyEdge(edge, kWidth, MR, block.cols, block.c, block.ldc);
  } else {
    sums.Store(block.c, block.ldc);
  }
}

// Σ_p a[p] b[p], the p dealt out to lanes (core/kernels/lane_sums.h).
template <typename T>
inline T Dot(const T* a, const T* b, std::int64_t k) {
  using P = kernels::Packet<T>;
  constexpr int kPackets = kernels::kSumPackets<T>;
  constexpr int kWidth = kernels::kSumLanes<T>;
  P sums[kPackets] = {};
  const auto add = [&sums](const T* x, const T* y) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int j = 0; j < kPackets; ++j) {
      sums[j] = MulAdd(P::Load(x + j * P::kLanes), P::Load(y + j * P::kLanes), sums[j]);
    }
  };
  std::int64_t p = 0;
  for (; p + kWidth <= k; p += kWidth) add(a + p, b + p);
  if (p < k) {
    T tail_a[kWidth] = {};
    T tail_b[kWidth] = {};
    for (std::int64_t q = 0; p + q < k; ++q) {
      tail_a[q] = a[p + q];
      tail_b[q] = b[p + q];
    }
    add(tail_a, tail_b);
  }
  return kernels::SumOfPackets<kPackets>(sums);
}

}  // namespace descent::gemm

#endif  // CORE_KERNELS_GEMM_KERNEL_H_
