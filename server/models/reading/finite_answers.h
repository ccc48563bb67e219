// No answer holds a NaN or an infinity: what would is refused, with the place of the first one.
//
// The errors are FAILED_PRECONDITION (NON_FINITE_ANSWER). Metadata: `answer`, the part of it
// ("loss", "outputs", "layers[1].pre_activation", "metrics.rmse"); `row` and `column`, counted from
// 0, where there is such a place.

#ifndef SERVER_MODELS_READING_FINITE_ANSWERS_H_
#define SERVER_MODELS_READING_FINITE_ANSWERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/buffer.h"
#include "core/network.h"

namespace descent::models {

// Rows that are answered.
absl::Status CheckFinite(std::string_view answer, const Matrix& values);

// Predictions in the targets' terms, of outputs w that are finite themselves.
absl::Status CheckFiniteInTargetTerms(const Matrix& values);

// The loss that EvaluateLoss gave and left the rows' in `pass`. weights: as there.
absl::Status CheckFiniteLoss(double loss, const Matrix& weights, const Workspace& pass);

// The norm of what Backward gave, which is finite if the gradients are, with what it left in
// `pass`.
absl::Status CheckFiniteGradient(double norm, const Workspace& pass);

// Losses of rows [rows, 1], those without weight aside.
absl::Status CheckFiniteLosses(const Matrix& losses, const Matrix& weights);

absl::Status CheckFiniteMetrics(double loss, const std::map<std::string, double>& metrics);

}  // namespace descent::models

#endif  // SERVER_MODELS_READING_FINITE_ANSWERS_H_
