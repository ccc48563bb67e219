#include "core/optimizers/hyperparameters.h"

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace descent::optimizers {

absl::Status CheckDecayRate(std::string_view field, double value) {
  if (value >= 0 && value < 1) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected a number in [0, 1), got ", value));
}

absl::Status CheckNonNegative(std::string_view field, double value) {
  if (value >= 0 && value <= 1e30) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected a number in [0, 1e30], got ", value));
}

absl::Status CheckEpsilon(std::string_view field, double value) {
  if (value >= 1e-30 && value <= 1e30) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("expected a number in [1e-30, 1e30], got ", value));
}

}  // namespace descent::optimizers
