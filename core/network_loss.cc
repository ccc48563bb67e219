// The loss of a pass, and where its gradient begins.

#include <algorithm>

#include "core/check.h"
#include "core/network.h"

namespace descent {

template <typename T>
double Network::EvaluateLossAs(const Targets& targets, const Matrix& weights,
                               Workspace* workspace) const {
  const std::int64_t rows = workspace->rows;
  workspace->row_scales.Resize(data_type(), rows, 1);
  workspace->row_losses.Resize(data_type(), rows, 1);
  workspace->deltas.resize(layers_.size());
  workspace->deltas.back().Resize(data_type(), rows, outputs());
  T* const scales = workspace->row_scales.data<T>();
  T* const losses = workspace->row_losses.data<T>();

  const T* const v = weights.empty() ? nullptr : weights.data<T>();
  auto total = static_cast<double>(rows);
  if (v == nullptr) {
    std::fill_n(scales, rows, static_cast<T>(1 / total));
  } else {
    total = 0;
    for (std::int64_t i = 0; i < rows; ++i) total += static_cast<double>(v[i]);
    for (std::int64_t i = 0; i < rows; ++i) {
      scales[i] = static_cast<T>(static_cast<double>(v[i]) / total);
    }
  }

  TargetView<T> view;
  if (const auto* values = std::get_if<Matrix>(&targets)) {
    view.values = values->data<T>();
  } else {
    view.classes = std::get<ClassIndices>(targets).data();
  }
  loss_->Evaluate(workspace->outputs().data<T>(), view, scales, rows, outputs(), losses,
                  workspace->deltas.back().data<T>());

  double sum = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    // A row without weight counts for nothing, even when its loss is not finite.
    if (v == nullptr) {
      sum += static_cast<double>(losses[i]);
    } else if (v[i] > 0) {
      sum += static_cast<double>(v[i]) * static_cast<double>(losses[i]);
    }
  }
  return sum / total;
}

double Network::EvaluateLoss(const Targets& targets, const Matrix& weights,
                             Workspace* workspace) const {
  DESCENT_CHECK(TargetRows(targets) == workspace->rows);
  return WithElementType(data_type(), [&](auto zero) {
    return EvaluateLossAs<decltype(zero)>(targets, weights, workspace);
  });
}

void Network::SetOutputGradient(const Matrix& output_gradient, Workspace* workspace) const {
  DESCENT_CHECK(output_gradient.rows() == workspace->rows && output_gradient.cols() == outputs());
  workspace->deltas.resize(layers_.size());
  workspace->deltas.back().Resize(data_type(), workspace->rows, outputs());
  std::copy_n(output_gradient.buffer().bytes(), output_gradient.buffer().byte_size(),
              workspace->deltas.back().buffer().bytes());
}

}  // namespace descent
