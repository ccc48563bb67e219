#include "core/initializers/initializer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/network.h"
#include "core/thread_pool.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"

namespace descent {
namespace {

struct Moments {
  double mean = 0;
  double deviation = 0;
  double largest = 0;
};

constexpr std::int64_t kCount = 60'000;

Moments Draw(InitializerKind kind, std::optional<double> scale, double gain) {
  Buffer buffer(DataType::kFloat64, kCount + 10);
  Initialize({.kind = kind, .scale = scale},
             {.seed = 3, .parameter = 4, .fan_in = 200, .fan_out = 100, .gain = gain}, 5, kCount,
             /*pool=*/nullptr, &buffer);
  Moments moments;
  double squares = 0;
  for (std::int64_t i = 5; i < kCount + 5; ++i) {
    moments.mean += buffer.At(i) / kCount;
    squares += buffer.At(i) * buffer.At(i) / kCount;
    moments.largest = std::max(moments.largest, std::abs(buffer.At(i)));
  }
  moments.deviation = std::sqrt(squares - moments.mean * moments.mean);
  // Nothing outside the range is touched.
  for (const std::int64_t i : {0, 4}) EXPECT_EQ(buffer.At(i), 0);
  EXPECT_EQ(buffer.At(kCount + 5), 0);
  return moments;
}

// Deviations as torch.nn.init has them for fan_in 200, fan_out 100 and gain 2.
TEST(InitializerTest, EveryKindHasItsDeviation) {
  struct Expected {
    InitializerKind kind;
    double deviation;
    bool uniform;
  };
  const Expected expected[] = {
      {InitializerKind::kGlorotUniform, 2 * std::sqrt(2.0 / 300), true},
      {InitializerKind::kGlorotNormal, 2 * std::sqrt(2.0 / 300), false},
      {InitializerKind::kHeUniform, 2 / std::sqrt(200.0), true},
      {InitializerKind::kHeNormal, 2 / std::sqrt(200.0), false},
      {InitializerKind::kLecunNormal, 1 / std::sqrt(200.0), false},
      {InitializerKind::kFanInUniform, 1 / std::sqrt(3 * 200.0), true},
      {InitializerKind::kZeros, 0, true},
      {InitializerKind::kConstant, 0, true},
  };
  ASSERT_EQ(std::size(expected), Initializers().size());
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    const Expected& e = expected[i];
    ASSERT_EQ(Initializers()[i].kind, e.kind);
    const Moments moments = Draw(e.kind, std::nullopt, 2);
    const std::string name(Initializers()[i].name);
    EXPECT_NEAR(moments.mean, 0, 4 * e.deviation / std::sqrt(kCount)) << name;
    EXPECT_NEAR(moments.deviation, e.deviation, 4 * e.deviation / std::sqrt(kCount)) << name;
    if (e.uniform) {
      EXPECT_LE(moments.largest, e.deviation * std::sqrt(3.0)) << name;
      EXPECT_GE(moments.largest, e.deviation * std::sqrt(3.0) * 0.999) << name;
    } else {
      EXPECT_GE(moments.largest, e.deviation * 3.5) << name;
    }
  }
}

TEST(InitializerTest, ScaleMultipliesAndIsConstantsValue) {
  EXPECT_NEAR(Draw(InitializerKind::kHeNormal, 3, 1).deviation, 3 / std::sqrt(200.0), 5e-3);
  EXPECT_EQ(Draw(InitializerKind::kConstant, 0.5, 1).largest, 0.5);
}

TEST(InitializerTest, BadScalesAreRefused) {
  EXPECT_FALSE(ValidateInitializer({.kind = InitializerKind::kConstant, .scale = NAN}).ok());
  EXPECT_FALSE(ValidateInitializer({.kind = InitializerKind::kZeros, .scale = 1}).ok());
  EXPECT_TRUE(ValidateInitializer({}).ok());
}

TEST(InitializerTest, NetworksStartFromHeBeforeReluAndGlorotOtherwise) {
  const auto bound = [](const ActivationSpec& activation) {
    const auto network = testing::MakeNetwork(testing::DenseNetwork(
        200, {100, 1}, activation, MeanSquaredErrorLoss{}, DataType::kFloat64));
    const Buffer parameters = network->InitialParameters();
    double largest = 0;
    for (std::int64_t i = 0; i < 200 * 100; ++i) {
      largest = std::max(largest, std::abs(parameters.At(i)));
    }
    EXPECT_EQ(parameters.At(network->layout().OffsetOf("layers.0.bias")), 0);
    return largest;
  };
  EXPECT_NEAR(bound(ReluActivation{}), std::sqrt(2.0) * std::sqrt(3.0 / 200), 1e-4);
  EXPECT_NEAR(bound(SigmoidActivation{}), std::sqrt(6.0 / 300), 1e-4);
}

TEST(InitializerTest, ThreadsDrawTheNumbersThatOneDraws) {
  ThreadPool pool(3);
  constexpr std::int64_t kLong = 300'001;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    for (const InitializerInfo& info : Initializers()) {
      Buffer alone(type, kLong);
      Buffer together(type, kLong);
      const InitializerContext context{.seed = 3, .parameter = 4, .fan_in = 7, .fan_out = 9};
      Initialize({.kind = info.kind, .scale = {}}, context, 0, kLong, nullptr, &alone);
      Initialize({.kind = info.kind, .scale = {}}, context, 0, kLong, &pool, &together);
      EXPECT_EQ(std::memcmp(alone.bytes(), together.bytes(), alone.byte_size()), 0) << info.name;
    }
  }
}

TEST(InitializerTest, TheSeedDecides) {
  NetworkSpec spec = testing::DenseNetwork(5, {4, 2}, ReluActivation{}, MeanSquaredErrorLoss{},
                                           DataType::kFloat32, 1);
  const auto values = [&spec] { return testing::MakeNetwork(spec)->InitialParameters(); };
  const Buffer first = values();
  const Buffer again = values();
  spec.seed = 2;
  const Buffer other = values();
  int same = 0;
  for (std::int64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(first.At(i), again.At(i));
    same += first.At(i) == other.At(i) ? 1 : 0;
  }
  EXPECT_EQ(same, 0);
}

}  // namespace
}  // namespace descent
