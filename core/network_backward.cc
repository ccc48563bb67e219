// The backward pass.

#include <algorithm>
#include <array>

#include "core/check.h"
#include "core/kernels/packet.h"
#include "core/network.h"

namespace descent {
namespace {

// From ∂L/∂x̂ to ∂L/∂x, in place: the statistics are constants.
template <typename T>
void MultiplyRows(const T* scales, std::int64_t rows, std::int64_t cols, T* gradient) {
  for (std::int64_t i = 0; i < rows; ++i) {
    kernels::ForEachPacket<T>(cols, [scales, row = gradient + i * cols](auto slice) {
      slice.Store(slice.Load(row) * slice.Load(scales), row);
    });
  }
}

}  // namespace

template <typename T>
void Network::BackwardAs(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                         Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const {
  const std::int64_t rows = workspace->rows;
  pool = PoolFor(rows, pool);
  workspace->deltas.resize(layers_.size());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    workspace->deltas[l].Resize(data_type(), rows, layers_[l].units);
  }
  if (gradients->type() != data_type() ||
      (gradients->size() != layout_.size() && gradients->size() != layout_.dense_size())) {
    *gradients = Buffer(data_type(), layout_.dense_size());
  }
  const Matrix& first = FirstInputs(inputs, *workspace);

  // Where the gradient of a layer's outputs goes, or that of the network's inputs.
  const auto below_of = [&](int l) {
    DeltaBelow<T> below;
    if (l < 0 && !tables_.empty()) {
      workspace->first_gradient.Resize(data_type(), rows, first_width_);
      below.delta = workspace->first_gradient.template data<T>();
      below.width = first_width_;
      return below;
    }
    if (l < 0) {
      if (input_gradient == nullptr) return below;
      input_gradient->Resize(data_type(), rows, input_features());
      below.delta = input_gradient->data<T>();
      below.width = input_features();
      return below;
    }
    const PlacedLayer& placed = layers_[l];
    below.delta = workspace->deltas[l].template data<T>();
    below.width = placed.units;
    if (placed.activation == nullptr) return below;
    below.activation = placed.activation;
    below.activations = workspace->activations[l].template data<T>();
    if (placed.derivative_needs_pre_activation) {
      below.pre_activations = workspace->pre_activations[l].template data<T>();
    }
    return below;
  };

  const int last = static_cast<int>(layers_.size()) - 1;
  below_of(last).Finish(0, rows, 0, outputs());
  for (int l = last; l >= 0; --l) {
    const PlacedLayer& placed = layers_[l];
    BackwardPass<T> pass{.rows = rows,
                         .parameters = parameters.data<T>(),
                         .inputs = placed.source < 0
                                       ? first.data<T>()
                                       : workspace->activations[placed.source].template data<T>(),
                         .delta = workspace->deltas[l].template data<T>(),
                         .training = workspace->training,
                         .gradients = gradients->data<T>(),
                         .below = below_of(placed.branch >= 0 ? placed.branch : placed.source),
                         .pool = pool};
    if (placed.Keeps(workspace->training)) {
      pass.kept = workspace->pre_activations[l].template data<T>();
    }
    if (placed.keeps_rows) {
      pass.kept_rows = workspace->row_values[l].template data<T>();
    }
    std::array<const T*, kMaxNesting + 1> skips;
    for (std::size_t i = 0; i < placed.skips.size(); ++i) {
      skips[i] = workspace->deltas[placed.skips[i]].template data<T>();
    }
    pass.below.skips = absl::MakeConstSpan(skips.data(), placed.skips.size());
    placed.layer->Backward(pass);
  }
  if (input_gradient != nullptr && !tables_.empty()) {
    input_gradient->Resize(data_type(), rows, input_features());
    const T* const from = workspace->first_gradient.template data<T>();
    for (std::int64_t i = 0; i < rows; ++i) {
      std::copy_n(from + i * first_width_, input_features(),
                  input_gradient->data<T>() + i * input_features());
    }
  }
  if (input_gradient != nullptr && normalizes_inputs()) {
    MultiplyRows(workspace->input_scales.data<T>(), rows, input_features(),
                 input_gradient->data<T>());
  }
}

void Network::Backward(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                       Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const {
  DESCENT_CHECK(parameters.size() == layout_.size());
  DESCENT_CHECK(inputs.rows() == workspace->rows && inputs.cols() == input_features());
  WithElementType(data_type(), [&](auto zero) {
    BackwardAs<decltype(zero)>(parameters, inputs, pool, workspace, gradients, input_gradient);
  });
}

void Network::BackwardTables(const Categories& categories, ThreadPool* pool, Workspace* workspace,
                             TableGradients* gradients) const {
  ComputeTableGradients(tables_, categories, workspace->first_gradient,
                        PoolFor(workspace->rows, pool), &workspace->tables, gradients);
}

}  // namespace descent
