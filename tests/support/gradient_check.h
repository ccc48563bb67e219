// The one finite-difference helper of the suites.

#ifndef TESTS_SUPPORT_GRADIENT_CHECK_H_
#define TESTS_SUPPORT_GRADIENT_CHECK_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace descent::testing {

// Half the width of a central difference's stencil. A function with a kink has to be looked at from
// points further from it than this, on both sides: the difference across a kink means nothing.
inline constexpr double kStencil = 2e-3;

// f′(x) by the five-point formula, error h⁴ f⁽⁵⁾ / 30 with h = kStencil / 2, which leaves about
// 1e-12 for functions of ordinary size.
template <typename Function>
double CentralDifference(const Function& f, double x) {
  const double h = kStencil / 2;
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

// Passes if a derivative agrees with its central difference to 1e-7 relative. Derivatives far below
// the function's own size are lost in its rounding: `size` says what counts as ordinary.
inline ::testing::AssertionResult DerivativesAgree(double analytic, double numeric,
                                                   double size = 1) {
  const double error = std::abs(analytic - numeric);
  const double allowed = 1e-7 * std::max(std::abs(numeric), 1e-3 * size);
  if (error <= allowed) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "analytic " << analytic << ", central difference " << numeric << ", relative error "
         << error / std::abs(numeric);
}

// Points in [low, high], a stencil and more away from each kink, with two on either side of it.
inline std::vector<double> PointsAround(const std::vector<double>& kinks, double low, double high) {
  std::vector<double> points;
  constexpr int kCount = 61;
  for (int i = 0; i < kCount; ++i) {
    const double x = low + (high - low) * (i + 0.37) / kCount;
    const bool clear = std::ranges::none_of(
        kinks, [&](double kink) { return std::abs(x - kink) <= 1.5 * kStencil; });
    if (clear) points.push_back(x);
  }
  for (const double kink : kinks) {
    for (const double distance : {1.5 * kStencil, 0.1}) {
      points.push_back(kink - distance);
      points.push_back(kink + distance);
    }
  }
  return points;
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_GRADIENT_CHECK_H_
