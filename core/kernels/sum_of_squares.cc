#include "core/kernels/sum_of_squares.h"

#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"

namespace descent {
namespace {

// Four times the lanes of core/kernels/lane_sums.h, which hides the latency of an addition; then
// the tail in order.
template <typename T>
double PacketSum(const T* values, std::int64_t n) {
  using P = kernels::Packet<T>;
  constexpr int kPackets = 4 * kernels::kSumPackets<T>;
  P sums[kPackets] = {};
  std::int64_t i = 0;
  for (; i + kPackets * P::kLanes <= n; i += kPackets * P::kLanes) {
#pragma GCC unroll 16
    for (int j = 0; j < kPackets; ++j) {
      const P x = P::Load(values + i + j * P::kLanes);
      sums[j] = MulAdd(x, x, sums[j]);
    }
  }
  double sum = static_cast<double>(kernels::SumOfPackets<kPackets>(sums));
  for (; i < n; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

}  // namespace

double SumOfSquares(const float* values, std::int64_t n) {
  const double sum = PacketSum(values, n);
  // Far enough from both ends of float32's range that no square of consequence was lost.
  if (sum > 1e-24 && sum < 1e36) return sum;
  double exact = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    exact += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return exact;
}

double SumOfSquares(const double* values, std::int64_t n) { return PacketSum(values, n); }

}  // namespace descent
