#include "core/losses/target_checks.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace descent::losses {
namespace {

absl::Status WrongValue(std::int64_t row, std::int64_t column, double value,
                        std::string_view expected) {
  return InvalidField("targets",
                      absl::StrCat("row ", row, ", column ", column, ": expected ",
                                   std::string(expected), ", got ", value),
                      {{"row", absl::StrCat(row)}, {"column", absl::StrCat(column)}});
}

absl::Status CheckBounds(const Matrix& targets, double largest, std::string_view expected) {
  return WithElementType(targets.type(), [&](auto zero) -> absl::Status {
    using T = decltype(zero);
    const T* const values = targets.data<T>();
    for (std::int64_t i = 0; i < targets.size(); ++i) {
      const auto value = static_cast<double>(values[i]);
      if (value >= 0 && value <= largest) continue;
      return WrongValue(i / targets.cols(), i % targets.cols(), value, expected);
    }
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status CheckTargetRange(const Matrix& targets, TargetRange range) {
  switch (range) {
    case TargetRange::kAny:
      return absl::OkStatus();
    case TargetRange::kNonNegative:
      return CheckBounds(targets, std::numeric_limits<double>::infinity(), "a number >= 0");
    case TargetRange::kUnitInterval:
      return CheckBounds(targets, 1, "a number in [0, 1]");
  }
  return absl::OkStatus();
}

absl::Status CheckDistributions(const Matrix& targets) {
  RETURN_IF_ERROR(CheckBounds(targets, 1, "a probability in [0, 1]"));
  for (std::int64_t row = 0; row < targets.rows(); ++row) {
    double sum = 0;
    for (std::int64_t column = 0; column < targets.cols(); ++column) sum += targets.At(row, column);
    if (std::abs(sum - 1) > 1e-3) {
      return InvalidField(
          "targets", absl::StrCat("row ", row, ": expected probabilities that sum to 1, got ", sum),
          {{"row", absl::StrCat(row)}});
    }
  }
  return absl::OkStatus();
}

absl::Status CheckClasses(const ClassIndices& targets, std::int64_t classes) {
  for (std::size_t row = 0; row < targets.size(); ++row) {
    if (targets[row] >= 0 && targets[row] < classes) continue;
    return InvalidField(
        "targets",
        absl::StrCat("row ", row, ": expected a class in [0, ", classes, "), got ", targets[row]),
        {{"row", absl::StrCat(row)}});
  }
  return absl::OkStatus();
}

absl::Status CheckBinaryClasses(const ClassIndices& targets, std::int64_t outputs) {
  if (outputs != 1) {
    return InvalidField("targets", absl::StrCat("class indices need a network with one output, "
                                                "got one with ",
                                                outputs));
  }
  return CheckClasses(targets, 2);
}

absl::Status RefuseClassIndices() {
  return InvalidField("targets", "expected values, got class indices");
}

}  // namespace descent::losses
