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
#include "tests/support/golden_options.h"
#include "tests/support/gradient_check.h"
#include "tests/support/parameters.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::CentralDifference;
using testing::DerivativesAgree;
using testing::FailsAt;
using testing::GoldenCases;
using testing::IsGolden;
using testing::Json;
using testing::ParametersIn;
using testing::ParametersOf;
using testing::PointsAround;
using testing::WithOptions;
using testing::WithParameters;

// A function of the table with one of the parameters that suites try.
struct Case {
  const ActivationInfo* info;
  ActivationSpec spec;
  std::vector<double> parameters = {};  // those that are not by default

  std::unique_ptr<Activation> Make() const {
    auto made = MakeActivation(spec);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const ActivationInfo& info : Activations()) {
    cases.push_back({&info, info.defaults});
    ActivationSpec other = info.defaults;
    if (ParametersOf(&other).empty()) continue;
    for (const double value : {0.0, 0.7, -0.3}) {
      cases.push_back({&info, WithParameters(other, value), {value}});
    }
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
    if (std::holds_alternative<ExponentialActivation>(info_.defaults) && z > 0) continue;
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
  for (const auto parameter : test.param.parameters) {
    const int hundredths = static_cast<int>(std::lround(std::abs(parameter) * 100));
    name += (parameter < 0 ? "_of_minus_" : "_of_") + std::to_string(hundredths);
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
    const auto activation =
        MakeActivation(WithOptions(info->defaults, ParametersIn(golden, info->defaults)));
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

TEST(ActivationKindsTest, RowsAreInTheVariantsOrder) {
  for (const ActivationInfo& info : Activations()) {
    EXPECT_EQ(&GetActivationInfo(info.defaults), &info);
    auto made = MakeActivation(info.defaults);
    ASSERT_TRUE(made.ok());
    EXPECT_EQ((*made)->IsIdentity(), std::holds_alternative<IdentityActivation>(info.defaults));
  }
}

TEST(ActivationKindsTest, RefusesAnAlphaThatIsNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(MakeActivation(EluActivation{.alpha = kInfinity}), FailsAt("alpha", "INVALID_FIELD"));
  EXPECT_THAT(MakeActivation(LeakyReluActivation{.alpha = -kInfinity}),
              FailsAt("alpha", "INVALID_FIELD"));
}

// torch.nn.init.calculate_gain.
TEST(ActivationKindsTest, GainsArePyTorchs) {
  const auto gain = [](const ActivationSpec& spec) { return ActivationGain(spec); };
  EXPECT_EQ(gain(IdentityActivation{}), 1);
  EXPECT_EQ(gain(SigmoidActivation{}), 1);
  EXPECT_EQ(gain(TanhActivation{}), 5.0 / 3);
  EXPECT_EQ(gain(ReluActivation{}), std::numbers::sqrt2);
  EXPECT_DOUBLE_EQ(gain(LeakyReluActivation{}), std::sqrt(2 / (1 + 0.0001)));
  EXPECT_DOUBLE_EQ(gain(LeakyReluActivation{.alpha = 0.5}), std::sqrt(2 / 1.25));
  EXPECT_EQ(gain(SeluActivation{}), 0.75);
}

}  // namespace
}  // namespace descent
