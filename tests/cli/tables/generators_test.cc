#include "client/cli/tables/generators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace descent::cli {
namespace {

TEST(GeneratorsTest, Friedman1IsItsFormulaWithoutNoise) {
  const Table table = Generate("friedman1", {.rows = 100, .noise = 0, .seed = 3}).value();
  ASSERT_EQ(table.inputs.size(), 10U);
  EXPECT_EQ(table.rows(), 100);
  for (int64_t row = 0; row < table.rows(); ++row) {
    const auto x = [&](int i) { return table.inputs[i - 1].numbers[row]; };
    EXPECT_DOUBLE_EQ(table.target->numbers[row], 10 * std::sin(std::numbers::pi * x(1) * x(2)) +
                                                     20 * std::pow(x(3) - 0.5, 2) + 10 * x(4) +
                                                     5 * x(5));
    for (int i = 1; i <= 10; ++i) {
      EXPECT_GE(x(i), 0);
      EXPECT_LT(x(i), 1);
    }
  }
}

TEST(GeneratorsTest, Friedman1sNoiseHasTheDeviationAskedFor) {
  const Table clean = Generate("friedman1", {.rows = 20000, .noise = 0, .seed = 3}).value();
  const Table noisy = Generate("friedman1", {.rows = 20000, .noise = 2, .seed = 3}).value();
  double squares = 0;
  for (int64_t row = 0; row < clean.rows(); ++row) {
    squares += std::pow(noisy.target->numbers[row] - clean.target->numbers[row], 2);
  }
  EXPECT_EQ(noisy.inputs[9].numbers, clean.inputs[9].numbers);
  EXPECT_NEAR(std::sqrt(squares / 20000), 2, 0.05);
}

TEST(GeneratorsTest, TwoSpiralsLieOnTheirArms) {
  const Table table = Generate("two-spirals", {.rows = 1000, .noise = 0, .seed = 1}).value();
  int ones = 0;
  for (int64_t row = 0; row < table.rows(); ++row) {
    const double x = table.inputs[0].numbers[row];
    const double y = table.inputs[1].numbers[row];
    const int spiral = table.target->codes[row];
    const double radius = std::hypot(x, y);
    EXPECT_LE(radius, 1);
    // The arm passes this radius once, at this angle.
    const double angle = radius * 4 * std::numbers::pi + spiral * std::numbers::pi;
    EXPECT_NEAR(x, radius * std::cos(angle), 1e-9);
    EXPECT_NEAR(y, radius * std::sin(angle), 1e-9);
    ones += spiral;
  }
  EXPECT_NEAR(ones, 500, 60);
}

TEST(GeneratorsTest, TheSeedDecides) {
  for (const std::string& name : GeneratorNames()) {
    const auto first = [&name](uint64_t seed) {
      return Generate(name, {.rows = 5, .seed = seed})->inputs[0].numbers;
    };
    EXPECT_EQ(first(1), first(1));
    EXPECT_NE(first(1), first(2));
  }
}

TEST(GeneratorsTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(ExitCodeOf(Generate("friedman9", {}).status()), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(Generate("friedman1", {.rows = -1}).status()), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(Generate("friedman1", {.noise = -1}).status()), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(Generate("friedman1", {.noise = NAN}).status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace descent::cli
