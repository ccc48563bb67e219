// The fused multiply-add and sums over lanes, compiled for each instruction set.

#include "core/kernels/fused.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"
#include "gtest/gtest.h"

namespace descent::kernels {
namespace {

template <typename T>
class FusedTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(FusedTest, Types);

template <typename T>
T Fused(T a, T b, T c) {
  return MulAdd(Packet<T>(a), Packet<T>(b), Packet<T>(c)).First();
}

template <typename T>
void ExpectFused(T a, T b, T c) {
  const T expected = std::fma(a, b, c);
  const T actual = Fused(a, b, c);
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(actual)) << a << " * " << b << " + " << c;
    return;
  }
  using Word = typename Packet<T>::Word;
  EXPECT_EQ(std::bit_cast<Word>(actual), std::bit_cast<Word>(expected))
      << a << " * " << b << " + " << c << " is " << expected << ", not " << actual;
}

template <typename T>
std::vector<T> EdgeValues() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values = {0,
                           1,
                           T(1) + Limits::epsilon(),
                           T(1) - Limits::epsilon() / 2,
                           T(1) / 3,
                           2,
                           T(16777215),
                           Limits::min(),
                           Limits::denorm_min(),
                           Limits::min() - Limits::denorm_min(),
                           Limits::max(),
                           Limits::infinity(),
                           Limits::quiet_NaN(),
                           std::sqrt(Limits::min()),
                           std::sqrt(Limits::max())};
  for (std::size_t i = values.size(); i-- > 0;) values.push_back(-values[i]);
  return values;
}

TYPED_TEST(FusedTest, IsRoundedOnceAtTheEdges) {
  const auto values = EdgeValues<TypeParam>();
  for (const TypeParam a : values) {
    for (const TypeParam b : values) {
      for (const TypeParam c : values) ExpectFused(a, b, c);
    }
  }
}

// Sums that end close to a tie between two numbers, where two roundings would go wrong, as well as
// numbers of any size and sums that cancel.
TYPED_TEST(FusedTest, IsRoundedOnceForNumbersOfAnySize) {
  using T = TypeParam;
  using Word = typename Packet<T>::Word;
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const T a = std::bit_cast<T>(static_cast<Word>(random()));
    const T b = std::bit_cast<T>(static_cast<Word>(random()));
    ExpectFused(a, b, std::bit_cast<T>(static_cast<Word>(random())));
    ExpectFused(a, b, -(a * b));
    const T x = T(1) + static_cast<T>(random() % 4096) * std::numeric_limits<T>::epsilon();
    const T y = T(1) + static_cast<T>(random() % 4096) * std::numeric_limits<T>::epsilon();
    const int exponent = static_cast<int>(random() % 120) - 60;
    ExpectFused(x, std::ldexp(y, exponent), random() % 2 == 0 ? T(1) : T(-1));
  }
}

TYPED_TEST(FusedTest, SumsDoNotDependOnTheWidthOfRegisters) {
  using T = TypeParam;
  constexpr int kLanes = 64 / sizeof(T);
  std::mt19937_64 random(2);
  for (std::int64_t n = 0; n < 100; ++n) {
    std::vector<T> values;
    std::vector<T> factors;
    for (std::int64_t i = 0; i < n; ++i) {
      values.push_back(static_cast<T>(static_cast<double>(random()) * 0x1p-64 - 0.3));
      factors.push_back(static_cast<T>(static_cast<double>(random()) * 0x1p-64));
    }
    T plain[kLanes] = {};
    T products[kLanes] = {};
    for (std::int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      plain[i % kLanes] += values[at];
      products[i % kLanes] = std::fma(values[at], factors[at], products[i % kLanes]);
    }
    for (int half = kLanes / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; ++lane) {
        plain[lane] += plain[half + lane];
        products[lane] += products[half + lane];
      }
    }
    LaneSums<T> sum;
    LaneSums<T> sum_of_products;
    ForEachPacket<T>(n, [&](auto slice) {
      sum.Add(slice, slice.Load(values.data()));
      sum_of_products.AddProduct(slice, slice.Load(values.data()), slice.Load(factors.data()));
    });
    EXPECT_EQ(sum.Total(), plain[0]) << n;
    EXPECT_EQ(sum_of_products.Total(), products[0]) << n;
  }
}

}  // namespace
}  // namespace descent::kernels
