// Reads the golden files of tests/golden and compares with them.

#ifndef TESTS_SUPPORT_GOLDEN_H_
#define TESTS_SUPPORT_GOLDEN_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/buffer.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/paths.h"

namespace descent::testing {

using Json = nlohmann::json;

// The cases of tests/golden/<name>.json.
inline Json GoldenCases(const std::string& name) {
  std::ifstream file(SourceDir() + "/tests/golden/" + name + ".json");
  EXPECT_TRUE(file.is_open()) << name;
  return Json::parse(file);
}

// Passes if `actual` is a golden number to 1e-12 relative. Below 1e-3 PyTorch's own formulas cancel
// (its GELU's tail, log where log1p is meant), so the tolerance stops shrinking there.
inline ::testing::AssertionResult IsGolden(double actual, double golden) {
  const double allowed = 1e-12 * std::max(std::abs(golden), 1e-3);
  if (std::abs(actual - golden) <= allowed) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << std::scientific << "got " << actual << ", golden "
                                       << golden << ", difference " << actual - golden;
}

// A float64 matrix from rows of numbers.
inline Matrix MatrixOf(const Json& rows) {
  const auto values = rows.get<std::vector<std::vector<double>>>();
  Matrix matrix(DataType::kFloat64, static_cast<std::int64_t>(values.size()),
                static_cast<std::int64_t>(values.at(0).size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values[i].size(); ++j) {
      matrix.Set(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j), values[i][j]);
    }
  }
  return matrix;
}

// A float64 column [n, 1] from numbers.
inline Matrix ColumnOf(const Json& numbers) {
  const auto values = numbers.get<std::vector<double>>();
  Matrix column(DataType::kFloat64, static_cast<std::int64_t>(values.size()), 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    column.Set(static_cast<std::int64_t>(i), 0, values[i]);
  }
  return column;
}

// A case's "targets" or "classes".
inline Targets TargetsOf(const Json& golden) {
  if (golden.contains("classes")) return golden.at("classes").get<ClassIndices>();
  return MatrixOf(golden.at("targets"));
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_GOLDEN_H_
