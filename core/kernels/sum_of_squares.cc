#include "core/kernels/sum_of_squares.h"

#include <Eigen/Core>

namespace descent {
namespace {

// Four independent registers of sums, added in a fixed tree at the end, then the tail in order.
template <typename T>
double PacketSum(const T* values, std::int64_t n) {
  using Eigen::internal::padd;
  using Packet = typename Eigen::internal::packet_traits<T>::type;
  constexpr int kLanes = Eigen::internal::unpacket_traits<Packet>::size;
  constexpr int kSums = 4;
  Packet sums[kSums];
  for (Packet& sum : sums) sum = Eigen::internal::pset1<Packet>(T(0));
  std::int64_t i = 0;
  for (; i + kSums * kLanes <= n; i += kSums * kLanes) {
    for (int j = 0; j < kSums; ++j) {
      const Packet x = Eigen::internal::ploadu<Packet>(values + i + j * kLanes);
      sums[j] = Eigen::internal::pmadd(x, x, sums[j]);
    }
  }
  double sum = static_cast<double>(
      Eigen::internal::predux(padd(padd(sums[0], sums[1]), padd(sums[2], sums[3]))));
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
