#include "server/models/reading/finite_answers.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/finite.h"
#include "core/status_macros.h"
#include "core/text_view.h"

namespace descent::models {
namespace {

// What helps: a model whose parameters have grown out of range can't be trained back.
constexpr absl::string_view kAdvice =
    "the inputs are too large for the network's data type, or the model has diverged: scale the "
    "inputs; or restore a checkpoint, or begin anew, and train with a lower learning rate or "
    "clip_norm";

absl::Status NonFinite(std::string_view answer, double value, absl::string_view advice) {
  return Error(absl::StatusCode::kFailedPrecondition, "NON_FINITE_ANSWER",
               absl::StrCat(View(answer), " would be ", value, ": ", advice),
               {{"answer", std::string(answer)}});
}

absl::Status NonFiniteRow(std::string_view answer, double value, std::int64_t row,
                          absl::string_view advice) {
  return WithMetadata(
      Error(absl::StatusCode::kFailedPrecondition, "NON_FINITE_ANSWER",
            absl::StrCat("row ", row, ": ", View(answer), " would be ", value, ": ", advice),
            {{"answer", std::string(answer)}}),
      "row", absl::StrCat(row));
}

absl::Status NonFinitePlace(std::string_view answer, const Matrix& values, std::int64_t place,
                            absl::string_view advice) {
  const std::int64_t row = place / values.cols();
  const std::int64_t column = place % values.cols();
  return WithMetadata(
      WithMetadata(Error(absl::StatusCode::kFailedPrecondition, "NON_FINITE_ANSWER",
                         absl::StrCat("row ", row, ", column ", column, ": ", View(answer),
                                      " would be ", values.buffer().At(place), ": ", advice),
                         {{"answer", std::string(answer)}}),
                   "row", absl::StrCat(row)),
      "column", absl::StrCat(column));
}

}  // namespace

absl::Status CheckFinite(std::string_view answer, const Matrix& values) {
  const std::int64_t place = FirstNonFinite(values.buffer());
  return place < 0 ? absl::OkStatus() : NonFinitePlace(answer, values, place, kAdvice);
}

absl::Status CheckFiniteInTargetTerms(const Matrix& values) {
  const std::int64_t place = FirstNonFinite(values.buffer());
  if (place < 0) return absl::OkStatus();
  return NonFinitePlace("outputs", values, place,
                        "in the targets' terms it is out of the range of the network's data type; "
                        "raw_outputs gives its logarithm");
}

absl::Status CheckFiniteLosses(const Matrix& losses, const Matrix& weights) {
  if (FirstNonFinite(losses.buffer()) < 0) return absl::OkStatus();
  for (std::int64_t row = 0; row < losses.rows(); ++row) {
    if (!weights.empty() && weights.At(row, 0) == 0) continue;
    if (const double loss = losses.At(row, 0); !std::isfinite(loss)) {
      return NonFiniteRow("loss", loss, row, kAdvice);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFiniteLoss(double loss, const Matrix& weights, const Workspace& pass) {
  if (std::isfinite(loss)) return absl::OkStatus();
  RETURN_IF_ERROR(CheckFiniteLosses(pass.row_losses, weights));
  return NonFinite("loss", loss, kAdvice);
}

absl::Status CheckFiniteGradient(double norm, const Workspace& pass) {
  if (std::isfinite(norm)) return absl::OkStatus();
  // The rows whose own share of it is finite are not to blame, wherever their sum goes.
  for (const Matrix& delta : pass.deltas) {
    if (const std::int64_t place = FirstNonFinite(delta.buffer()); place >= 0) {
      return NonFiniteRow("gradient", norm, place / delta.cols(), kAdvice);
    }
  }
  return NonFinite("gradient_norm", norm, kAdvice);
}

absl::Status CheckFiniteMetrics(double loss, const std::map<std::string, double>& metrics) {
  if (!std::isfinite(loss)) return NonFinite("loss", loss, kAdvice);
  for (const auto& [name, value] : metrics) {
    if (!std::isfinite(value)) return NonFinite("metrics." + name, value, kAdvice);
  }
  return absl::OkStatus();
}

}  // namespace descent::models
