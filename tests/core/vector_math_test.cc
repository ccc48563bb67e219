#include "core/kernels/vector_math.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "core/kernels/packet.h"
#include "gtest/gtest.h"

namespace descent::kernels {
namespace {

template <typename T>
class PacketTest : public ::testing::Test {};
template <typename T>
class VectorMathTest : public ::testing::Test {};

using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(PacketTest, ElementTypes);
TYPED_TEST_SUITE(VectorMathTest, ElementTypes);

template <typename T>
constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
template <typename T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();

TYPED_TEST(PacketTest, LoopsTouchTheElementsAndNothingElse) {
  using T = TypeParam;
  for (std::int64_t n = 0; n <= 3 * Packet<T>::kLanes + 1; ++n) {
    std::vector<T> in(static_cast<std::size_t>(n) + 2, T(3));
    std::vector<T> out(static_cast<std::size_t>(n) + 2, T(7));
    std::int64_t seen = 0;
    Packet<T> sum = 0;
    ForEachPacket<T>(n, [&](auto slice) {
      EXPECT_EQ(slice.begin(), seen);
      seen += slice.size();
      const Packet<T> values = slice.Load(in.data() + 1) + 2;
      sum = sum + slice.Filled(values, 0);
      slice.Store(values, out.data() + 1);
    });
    EXPECT_EQ(seen, n);
    EXPECT_EQ(Sum(sum), static_cast<T>(5 * n));
    EXPECT_EQ(out.front(), T(7));
    EXPECT_EQ(out.back(), T(7));
    for (std::int64_t i = 1; i <= n; ++i) EXPECT_EQ(out[static_cast<std::size_t>(i)], T(5));
  }
}

TYPED_TEST(PacketTest, NanPassesThroughTheFirstOperand) {
  using T = TypeParam;
  const Packet<T> nan = kNan<T>;
  EXPECT_TRUE(std::isnan(Min(nan, Packet<T>(1)).First()));
  EXPECT_TRUE(std::isnan(Max(nan, Packet<T>(1)).First()));
  EXPECT_TRUE(std::isnan(Clamp(nan, -1, 1).First()));
  EXPECT_EQ(Select(nan < 1, Packet<T>(1), Packet<T>(2)).First(), T(2));
  EXPECT_EQ(Select(nan >= 1, Packet<T>(1), Packet<T>(2)).First(), T(2));
  EXPECT_EQ(Clamp(Packet<T>(5), -1, 1).First(), T(1));
  EXPECT_EQ(Clamp(Packet<T>(-5), -1, 1).First(), T(-1));
}

TYPED_TEST(PacketTest, ReducesAllLanes) {
  using T = TypeParam;
  T lanes[Packet<T>::kLanes];
  T sum = 0;
  for (int i = 0; i < Packet<T>::kLanes; ++i) sum += lanes[i] = static_cast<T>(i);
  EXPECT_EQ(Sum(Packet<T>::Load(lanes)), sum);
  EXPECT_EQ(Largest(Packet<T>::Load(lanes)), static_cast<T>(Packet<T>::kLanes - 1));
  EXPECT_EQ(Packet<T>::Load(lanes).First(), T(0));
  EXPECT_EQ(CopySign(Packet<T>(2), Packet<T>(T(-0.0))).First(), T(-2));
}

TEST(PacketConversionTest, WidensToTheSameNumbersAndNarrowsToTheNearest) {
  constexpr int kHalf = Packet<double>::kLanes;
  float lanes[Packet<float>::kLanes];
  for (int i = 0; i < 2 * kHalf; ++i) lanes[i] = 0.1F * static_cast<float>(i);
  const auto [first, second] = Widen(Packet<float>::Load(lanes));
  double wide[2 * kHalf];
  first.Store(wide);
  second.Store(wide + kHalf);
  for (int i = 0; i < 2 * kHalf; ++i) EXPECT_EQ(wide[i], static_cast<double>(lanes[i])) << i;
  for (int i = 0; i < 2 * kHalf; ++i) wide[i] *= 1 + 0x1p-24 + 0x1p-40;
  Narrow(Packet<double>::Load(wide), Packet<double>::Load(wide + kHalf)).Store(lanes);
  for (int i = 0; i < 2 * kHalf; ++i) EXPECT_EQ(lanes[i], static_cast<float>(wide[i])) << i;
}

// `count` numbers between `low` and `high`: evenly spaced, or by ratio where that spans decades.
template <typename T>
std::vector<T> Grid(double low, double high, int count) {
  std::vector<T> grid;
  const double first = std::log(std::abs(low));
  const double last = std::log(std::abs(high));
  const bool by_ratio = low * high > 0 && std::abs(last - first) > 5;
  for (int i = 0; i < count; ++i) {
    const double u = (i + 0.37) / count;
    grid.push_back(static_cast<T>(by_ratio
                                      ? std::copysign(std::exp(first + u * (last - first)), low)
                                      : low + u * (high - low)));
  }
  return grid;
}

// The largest error of `function` on the grid, in ulp of the exact result.
template <typename T, typename Function>
double LargestError(const std::vector<T>& grid, const Function& function,
                    long double (*exact)(long double)) {
  std::vector<T> results(grid.size());
  ForEachPacket<T>(static_cast<std::int64_t>(grid.size()), [&](auto slice) {
    slice.Store(function(slice.Load(grid.data())), results.data());
  });
  double largest = 0;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const long double expected = exact(static_cast<long double>(grid[i]));
    const T rounded = std::abs(static_cast<T>(expected));
    if (std::isinf(rounded)) {
      EXPECT_EQ(results[i], static_cast<T>(expected)) << grid[i];
      continue;
    }
    const T ulp = std::nextafter(rounded, kInfinity<T>) - rounded;
    const long double error = (static_cast<long double>(results[i]) - expected) / ulp;
    EXPECT_TRUE(std::isfinite(results[i])) << grid[i];
    largest = std::max(largest, static_cast<double>(std::abs(error)));
  }
  return largest;
}

struct Bound {
  double float32;
  double float64;
};

template <typename T, typename Function>
void ExpectErrors(const std::string& name, Bound bound, const Function& function,
                  long double (*exact)(long double),
                  const std::vector<std::pair<double, double>>& ranges) {
  constexpr int kCount = 200'000;
  for (const auto& [low, high] : ranges) {
    const double error = LargestError(Grid<T>(low, high, kCount), function, exact);
    EXPECT_LE(error, sizeof(T) == 4 ? bound.float32 : bound.float64)
        << name << " in [" << low << ", " << high << "]";
  }
}

// Where the exponential leaves the numbers of the type, and the smallest numbers.
template <typename T>
constexpr double kExpOverflow = sizeof(T) == 4 ? 88.7 : 709.7;
template <typename T>
constexpr double kExpUnderflow = sizeof(T) == 4 ? -103.9 : -745.1;
template <typename T>
constexpr double kSubnormal = sizeof(T) == 4 ? 2e-45 : 1e-320;

// The bounds are those of the header's table.
TYPED_TEST(VectorMathTest, ErrorsAreWithinTheirBounds) {
  using T = TypeParam;
  const double tiny = kSubnormal<T>;
  ExpectErrors<T>("Exp", {1, 1}, [](Packet<T> x) { return Exp(x); }, std::exp,
                  {{-1, 1}, {-30, 30}, {kExpUnderflow<T>, kExpOverflow<T>}, {tiny, 1}});
  ExpectErrors<T>("Expm1", {2, 2}, [](Packet<T> x) { return Expm1(x); }, std::expm1,
                  {{-1, 1}, {-60, 60}, {1, kExpOverflow<T>}, {tiny, 1}, {-tiny, -1}});
  ExpectErrors<T>("Log", {1, 1}, [](Packet<T> x) { return Log(x); }, std::log,
                  {{0.5, 2}, {1, 1000}, {tiny, 1e30}});
  ExpectErrors<T>("Log1p", {1.5, 2}, [](Packet<T> x) { return Log1p(x); }, std::log1p,
                  {{0, 1}, {tiny, 1}});
  ExpectErrors<T>("Tanh", {2, 2}, [](Packet<T> x) { return Tanh(x); }, std::tanh,
                  {{-1, 1}, {-22, 22}, {tiny, 30}, {-tiny, -30}});
  ExpectErrors<T>(
      "Sigmoid", {2, 2}, [](Packet<T> x) { return Sigmoid(x); },
      [](long double x) { return 1 / (1 + std::exp(-x)); },
      {{-1, 1}, {-30, 30}, {kExpUnderflow<T>, kExpOverflow<T>}});
  ExpectErrors<T>(
      "Softplus", {2, 2}, [](Packet<T> x) { return Softplus(x); },
      [](long double x) { return std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x))); },
      {{-1, 1}, {-30, 30}, {kExpUnderflow<T>, kExpOverflow<T>}});
  const double normal_end = sizeof(T) == 4 ? 14.2 : 38.4;
  ExpectErrors<T>(
      "NormalCdf", {1, 7}, [](Packet<T> x) { return NormalCdf(x).cdf; },
      [](long double x) { return std::erfc(-x / std::numbers::sqrt2_v<long double>) / 2; },
      {{-1, 1}, {-6, 6}, {-normal_end, 0}, {tiny, 40}});
  ExpectErrors<T>(
      "NormalCdf's density", {1, 3}, [](Packet<T> x) { return NormalCdf(x).density; },
      [](long double x) {
        return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi_v<long double>);
      },
      {{-1, 1}, {-6, 6}, {-normal_end, normal_end}});
}

TYPED_TEST(VectorMathTest, SpecialValuesAreTheLimits) {
  using T = TypeParam;
  const auto at = [](auto function, T x) {
    Packet<T> result = function(Packet<T>(x));
    return result.First();
  };
  const auto exp = [](Packet<T> x) { return Exp(x); };
  const auto expm1 = [](Packet<T> x) { return Expm1(x); };
  const auto log = [](Packet<T> x) { return Log(x); };
  const auto log1p = [](Packet<T> x) { return Log1p(x); };
  const auto tanh = [](Packet<T> x) { return Tanh(x); };
  const auto sigmoid = [](Packet<T> x) { return Sigmoid(x); };
  const auto softplus = [](Packet<T> x) { return Softplus(x); };
  const auto cdf = [](Packet<T> x) { return NormalCdf(x).cdf; };
  const auto density = [](Packet<T> x) { return NormalCdf(x).density; };
  const T infinity = kInfinity<T>;

  EXPECT_EQ(at(exp, infinity), infinity);
  EXPECT_EQ(at(exp, -infinity), 0);
  EXPECT_EQ(at(exp, 0), 1);
  EXPECT_EQ(at(expm1, infinity), infinity);
  EXPECT_EQ(at(expm1, -infinity), -1);
  EXPECT_EQ(at(expm1, 0), 0);
  EXPECT_EQ(at(log, infinity), infinity);
  EXPECT_EQ(at(log, 0), -infinity);
  EXPECT_EQ(at(log, 1), 0);
  EXPECT_TRUE(std::isnan(at(log, -1)));
  EXPECT_TRUE(std::isnan(at(log, -infinity)));
  EXPECT_EQ(at(log1p, 0), 0);
  EXPECT_EQ(at(tanh, infinity), 1);
  EXPECT_EQ(at(tanh, -infinity), -1);
  EXPECT_EQ(at(tanh, 0), 0);
  EXPECT_EQ(at(sigmoid, infinity), 1);
  EXPECT_EQ(at(sigmoid, -infinity), 0);
  EXPECT_EQ(at(sigmoid, 0), T(0.5));
  EXPECT_EQ(at(softplus, infinity), infinity);
  EXPECT_EQ(at(softplus, -infinity), 0);
  EXPECT_EQ(at(cdf, infinity), 1);
  EXPECT_EQ(at(cdf, -infinity), 0);
  EXPECT_EQ(at(density, infinity), 0);
  EXPECT_TRUE(std::isnan(at(exp, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(expm1, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(log, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(log1p, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(tanh, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(sigmoid, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(softplus, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(cdf, kNan<T>)));
  EXPECT_TRUE(std::isnan(at(density, kNan<T>)));
}

}  // namespace
}  // namespace descent::kernels
