// Every activation of the table: derivatives, PyTorch's numbers, bits, limits.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/activations/kinds.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"
#include "tests/support/gradient_check.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::CentralDifference;
using testing::DerivativesAgree;
using testing::FailsAt;
using testing::GoldenCases;
using testing::IsGolden;
using testing::Json;
using testing::PointsAround;

// A function of the table with one of the parameters that suites try.
struct Case {
  const ActivationInfo* info;
  std::optional<double> alpha;

  std::unique_ptr<Activation> Make() const {
    auto made = MakeActivation({.kind = info->kind, .alpha = alpha});
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const ActivationInfo& info : Activations()) {
    cases.push_back({&info, std::nullopt});
    if (!info.defaults.alpha.has_value()) continue;
    for (const double alpha : {0.0, 0.7, -0.3}) cases.push_back({&info, alpha});
  }
  return cases;
}

class ActivationTest : public ::testing::TestWithParam<Case> {
 protected:
  template <typename T>
  T Value(T z) const {
    T a = 0;
    activation_->Forward(&z, &a, 1);
    return a;
  }
  template <typename T>
  T Derivative(T z) const {
    const T a = Value(z);
    T delta = 1;
    activation_->Backward(activation_->DerivativeNeedsPreActivation() ? &z : nullptr, &a, &delta,
                          1);
    return delta;
  }

  const ActivationInfo& info_ = *GetParam().info;
  const std::unique_ptr<Activation> activation_ = GetParam().Make();
};

TEST_P(ActivationTest, DerivativeAgreesWithCentralDifferences) {
  const auto value = [&](double z) { return Value(z); };
  for (const double z : PointsAround(info_.kinks, -7, 7)) {
    EXPECT_TRUE(DerivativesAgree(Derivative(z), CentralDifference(value, z),
                                 std::max(1.0, std::abs(Value(z)))))
        << "at " << z;
  }
}

TEST_P(ActivationTest, HasNoKinkThatTheTableDoesNotName) {
  // A kink would show as a jump of σ′ between neighbours on a fine grid.
  constexpr double kStep = 1e-4;
  for (double z = -8; z < 8; z += kStep) {
    const bool at_kink = std::ranges::any_of(
        info_.kinks, [&](double kink) { return std::abs(kink - z - kStep / 2) <= kStep; });
    if (at_kink) continue;
    ASSERT_LE(std::abs(Derivative(z + kStep) - Derivative(z)), 3 * kStep * std::max(1.0, Value(z)))
        << "at " << z;
  }
}

TEST_P(ActivationTest, Float32AgreesWithFloat64) {
  for (const double z : PointsAround(info_.kinks, -12, 12)) {
    const auto narrow = static_cast<float>(z);
    const auto wide = static_cast<double>(narrow);
    EXPECT_NEAR(Value(narrow), Value(wide), 2e-6 * std::abs(Value(wide)) + 1e-9) << z;
    EXPECT_NEAR(Derivative(narrow), Derivative(wide), 2e-6 * std::abs(Derivative(wide)) + 1e-6)
        << z;
  }
}

TEST_P(ActivationTest, StaysFiniteFarOutAndKeepsNan) {
  for (const double z : {-1e30, -1e19, -800.0, -90.0, 90.0, 800.0, 1e19, 1e30}) {
    if (info_.kind == ActivationKind::kExponential && z > 0) continue;
    EXPECT_TRUE(std::isfinite(Value(z))) << z;
    EXPECT_TRUE(std::isfinite(Derivative(z))) << z;
    EXPECT_TRUE(std::isfinite(Value(static_cast<float>(z)))) << z;
    EXPECT_TRUE(std::isfinite(Derivative(static_cast<float>(z)))) << z;
  }
  EXPECT_TRUE(std::isnan(Value(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(Value(std::numeric_limits<float>::quiet_NaN())));
}

// An element's bytes are the same alone and at any place among others, and its neighbours beyond
// the range are left alone.
template <typename T>
void ExpectSameBitsAnywhere(const Activation& activation) {
  constexpr int kLongest = 37;
  std::vector<T> z;
  for (int i = 0; i < kLongest; ++i) z.push_back(static_cast<T>(0.41 * i - 7.3));
  std::vector<T> a(kLongest);
  std::vector<T> delta(kLongest);
  for (int i = 0; i < kLongest; ++i) {
    activation.Forward(&z[i], &a[i], 1);
    delta[i] = static_cast<T>(0.3);
    activation.Backward(&z[i], &a[i], &delta[i], 1);
  }
  for (int begin = 0; begin < kLongest; ++begin) {
    for (int n = 0; begin + n <= kLongest; ++n) {
      std::vector<T> values(kLongest + 2, T(5));
      activation.Forward(z.data() + begin, values.data() + 1, n);
      ASSERT_EQ(std::memcmp(values.data() + 1, a.data() + begin, n * sizeof(T)), 0);
      ASSERT_EQ(values[0], T(5));
      ASSERT_EQ(values[n + 1], T(5));
      std::vector<T> deltas(kLongest + 2, static_cast<T>(0.3));
      activation.Backward(z.data() + begin, a.data() + begin, deltas.data() + 1, n);
      ASSERT_EQ(std::memcmp(deltas.data() + 1, delta.data() + begin, n * sizeof(T)), 0);
      ASSERT_EQ(deltas[0], static_cast<T>(0.3));
      ASSERT_EQ(deltas[n + 1], static_cast<T>(0.3));
    }
  }
  // In place.
  activation.Forward(z.data(), z.data(), kLongest);
  EXPECT_EQ(std::memcmp(z.data(), a.data(), kLongest * sizeof(T)), 0);
}

TEST_P(ActivationTest, BitsDoNotDependOnPosition) {
  ExpectSameBitsAnywhere<float>(*activation_);
  ExpectSameBitsAnywhere<double>(*activation_);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ActivationTest, ::testing::ValuesIn(Cases()), [](const auto& test) {
  std::string name(test.param.info->name);
  if (test.param.alpha.has_value()) {
    const int hundredths = static_cast<int>(std::lround(std::abs(*test.param.alpha) * 100));
    name += (*test.param.alpha < 0 ? "_alpha_minus_" : "_alpha_") + std::to_string(hundredths);
  }
  return name;
});

TEST(ActivationGoldenTest, ValuesAndDerivativesArePyTorchs) {
  std::set<std::string> seen;
  for (const Json& golden : GoldenCases("activations")) {
    const auto name = golden.at("name").get<std::string>();
    const auto infos = Activations();
    const auto info = std::ranges::find(infos, name, &ActivationInfo::name);
    ASSERT_NE(info, infos.end()) << name;
    seen.insert(name);
    ActivationSpec spec{.kind = info->kind, .alpha = std::nullopt};
    if (golden.contains("alpha")) spec.alpha = golden.at("alpha").get<double>();
    const auto activation = MakeActivation(spec);
    ASSERT_TRUE(activation.ok());
    const auto z = golden.at("z").get<std::vector<double>>();
    std::vector<double> a(z.size());
    std::vector<double> delta(z.size(), 1.0);
    const auto n = static_cast<std::int64_t>(z.size());
    (*activation)->Forward(z.data(), a.data(), n);
    (*activation)->Backward(z.data(), a.data(), delta.data(), n);
    for (std::size_t i = 0; i < z.size(); ++i) {
      EXPECT_TRUE(IsGolden(a[i], golden.at("value").at(i))) << name << " at " << z[i];
      EXPECT_TRUE(IsGolden(delta[i], golden.at("derivative").at(i))) << name << "' at " << z[i];
    }
  }
  EXPECT_EQ(seen.size(), Activations().size());
}

TEST(ActivationKindsTest, RowsAreInTheEnumsOrder) {
  for (const ActivationInfo& info : Activations()) {
    EXPECT_EQ(&GetActivationInfo(info.kind), &info);
    auto made = MakeActivation({.kind = info.kind, .alpha = std::nullopt});
    ASSERT_TRUE(made.ok());
    EXPECT_EQ((*made)->IsIdentity(), info.kind == ActivationKind::kIdentity);
  }
}

TEST(ActivationKindsTest, RefusesAnAlphaThatIsNotTakenOrNotFinite) {
  EXPECT_THAT(MakeActivation({.kind = ActivationKind::kRelu, .alpha = 0.1}),
              FailsAt("alpha", "INVALID_FIELD"));
  EXPECT_THAT(MakeActivation(
                  {.kind = ActivationKind::kElu, .alpha = std::numeric_limits<double>::infinity()}),
              FailsAt("alpha", "INVALID_FIELD"));
}

// torch.nn.init.calculate_gain.
TEST(ActivationKindsTest, GainsArePyTorchs) {
  const auto gain = [](ActivationKind kind, std::optional<double> alpha = std::nullopt) {
    return ActivationGain({.kind = kind, .alpha = alpha});
  };
  EXPECT_EQ(gain(ActivationKind::kIdentity), 1);
  EXPECT_EQ(gain(ActivationKind::kSigmoid), 1);
  EXPECT_EQ(gain(ActivationKind::kTanh), 5.0 / 3);
  EXPECT_EQ(gain(ActivationKind::kRelu), std::numbers::sqrt2);
  EXPECT_DOUBLE_EQ(gain(ActivationKind::kLeakyRelu), std::sqrt(2 / (1 + 0.0001)));
  EXPECT_DOUBLE_EQ(gain(ActivationKind::kLeakyRelu, 0.5), std::sqrt(2 / 1.25));
  EXPECT_EQ(gain(ActivationKind::kSelu), 0.75);
}

}  // namespace
}  // namespace descent
