// Network's passes: forward, loss, backward. Each product carries the elementwise work on its
// result as an epilogue, while the block is still in the cache.

#include <algorithm>

#include "core/check.h"
#include "core/kernels/gemm.h"
#include "core/kernels/packet.h"
#include "core/network.h"

namespace descent {
namespace {

// A pass that multiplies and adds less often runs on the calling thread: other threads would be
// awake longer than they help.
constexpr std::int64_t kPoolWork = std::int64_t{1} << 20;

constexpr auto kNoEpilogue = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) {};

// Calls function(offset, count) for the contiguous ranges of rows [row, row + rows), columns
// [col, col + cols) of a matrix with `width` columns.
template <typename Function>
void ForEachRange(std::int64_t width, std::int64_t row, std::int64_t rows, std::int64_t col,
                  std::int64_t cols, const Function& function) {
  if (cols == width) {
    function(row * width, rows * width);
    return;
  }
  for (std::int64_t i = row; i < row + rows; ++i) function(i * width + col, cols);
}

// sums[j] = Σ_i values[i, j], the rows in order: kPackets packets of columns, in registers.
template <typename T, int kPackets>
void SumStrip(const T* values, std::int64_t rows, std::int64_t cols, T* sums) {
  using P = kernels::Packet<T>;
  P strip[kPackets];
#pragma GCC unroll 8
  for (int j = 0; j < kPackets; ++j) strip[j] = P::Load(values + j * P::kLanes);
  for (std::int64_t i = 1; i < rows; ++i) {
    values += cols;
#pragma GCC unroll 8
    for (int j = 0; j < kPackets; ++j) strip[j] = strip[j] + P::Load(values + j * P::kLanes);
  }
#pragma GCC unroll 8
  for (int j = 0; j < kPackets; ++j) strip[j].Store(sums + j * P::kLanes);
}

// Of the columns [begin, end) of values [rows, cols].
template <typename T>
void SumRows(const T* values, std::int64_t rows, std::int64_t cols, std::int64_t begin,
             std::int64_t end, T* sums) {
  constexpr int kLanes = kernels::Packet<T>::kLanes;
  constexpr int kPackets = 4;
  std::int64_t j = begin;
  for (; j + kPackets * kLanes <= end; j += kPackets * kLanes) {
    SumStrip<T, kPackets>(values + j, rows, cols, sums + j);
  }
  for (; j + kLanes <= end; j += kLanes) SumStrip<T, 1>(values + j, rows, cols, sums + j);
  for (; j < end; ++j) {
    sums[j] = values[j];
    for (std::int64_t i = 1; i < rows; ++i) sums[j] += values[i * cols + j];
  }
}

// ∂L/∂W = (A)ᵀ Δ for activations [rows, inputs] and delta [rows, units].
template <typename T>
GemmOperands<T> KernelGradient(const T* activations, const T* delta, std::int64_t rows,
                               std::int64_t inputs, std::int64_t units, T* gradient) {
  if (units == 1) {
    // A column: its transpose, Δᵀ A, reads both matrices along their rows.
    return {.m = 1,
            .n = inputs,
            .k = rows,
            .a = delta,
            .a_row_stride = rows,
            .a_col_stride = 1,
            .b = activations,
            .b_row_stride = inputs,
            .b_col_stride = 1,
            .c = gradient};
  }
  return {.m = inputs,
          .n = units,
          .k = rows,
          .a = activations,
          .a_row_stride = 1,
          .a_col_stride = inputs,
          .b = delta,
          .b_row_stride = units,
          .b_col_stride = 1,
          .c = gradient};
}

// ∂L/∂A = Δ Wᵀ for delta [rows, units] and kernel [inputs, units].
template <typename T>
GemmOperands<T> InputGradient(const T* delta, const T* kernel, std::int64_t rows,
                              std::int64_t inputs, std::int64_t units, T* gradient) {
  return {.m = rows,
          .n = inputs,
          .k = units,
          .a = delta,
          .a_row_stride = units,
          .a_col_stride = 1,
          .b = kernel,
          .b_row_stride = 1,
          .b_col_stride = units,
          .c = gradient};
}

// Gives each matrix of `matrices` [rows, units of its layer].
void ResizeLayers(const NetworkSpec& spec, std::int64_t rows, std::vector<Matrix>* matrices) {
  matrices->resize(spec.layers.size());
  for (std::size_t l = 0; l < spec.layers.size(); ++l) {
    (*matrices)[l].Resize(spec.data_type, rows, spec.layers[l].units);
  }
}

}  // namespace

template <typename T>
void Network::ForwardAs(const Buffer& parameters, const Matrix& inputs, bool keep_all,
                        ThreadPool* pool, Workspace* workspace) const {
  const std::int64_t rows = inputs.rows();
  if (rows * layout_.parameter_count() < kPoolWork) pool = nullptr;
  workspace->rows = rows;
  ResizeLayers(spec_, rows, &workspace->activations);
  workspace->pre_activations.resize(spec_.layers.size());
  const T* source = inputs.data<T>();
  std::int64_t width = inputs.cols();
  for (int l = 0; l < depth(); ++l) {
    const Activation& activation = *activations_[l];
    const std::int64_t units = spec_.layers[l].units;
    T* const a = workspace->activations[l].data<T>();
    T* z = a;
    if (keep_all || activation.DerivativeNeedsPreActivation()) {
      workspace->pre_activations[l].Resize(data_type(), rows, units);
      z = workspace->pre_activations[l].data<T>();
    }
    const std::int64_t bias = layout_.bias_offset(l);
    const GemmOperands<T> product{
        .m = rows,
        .n = units,
        .k = width,
        .a = source,
        .a_row_stride = width,
        .a_col_stride = 1,
        .b = parameters.data<T>() + layout_.kernel_offset(l),
        .b_row_stride = units,
        .b_col_stride = 1,
        .c = z,
        .start = bias < 0 ? nullptr : parameters.data<T>() + bias,
        .finish = z == a && activation.IsRelu() ? GemmFinish::kRelu : GemmFinish::kNone,
    };
    Gemm(product, pool,
         [&](std::int64_t row, std::int64_t count, std::int64_t col, std::int64_t cols) {
           if (z == a && (activation.IsIdentity() || activation.IsRelu())) return;
           ForEachRange(units, row, count, col, cols, [&](std::int64_t offset, std::int64_t n) {
             activation.Forward(z + offset, a + offset, n);
           });
         });
    source = a;
    width = units;
  }
}

template <typename T>
double Network::EvaluateLossAs(const Targets& targets, const Matrix& weights,
                               Workspace* workspace) const {
  const std::int64_t rows = workspace->rows;
  workspace->row_scales.Resize(data_type(), rows, 1);
  workspace->row_losses.Resize(data_type(), rows, 1);
  workspace->deltas.resize(spec_.layers.size());
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

template <typename T>
void Network::BackwardAs(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                         Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const {
  const std::int64_t rows = workspace->rows;
  if (rows * layout_.parameter_count() < kPoolWork) pool = nullptr;
  ResizeLayers(spec_, rows, &workspace->deltas);
  if (gradients->type() != data_type() || gradients->size() != layout_.size()) {
    *gradients = Buffer(data_type(), layout_.size());
  }

  // Δ of layer l from ∂L/∂A^{l+1}, in place, for a range of elements.
  const auto multiply_derivative = [&](int l, std::int64_t offset, std::int64_t n) {
    const Activation& activation = *activations_[l];
    if (activation.IsIdentity()) return;
    const T* const z = activation.DerivativeNeedsPreActivation()
                           ? workspace->pre_activations[l].data<T>() + offset
                           : nullptr;
    activation.Backward(z, workspace->activations[l].data<T>() + offset,
                        workspace->deltas[l].data<T>() + offset, n);
  };

  multiply_derivative(depth() - 1, 0, rows * outputs());
  for (int l = depth() - 1; l >= 0; --l) {
    const std::int64_t units = spec_.layers[l].units;
    const std::int64_t width = l == 0 ? input_features() : spec_.layers[l - 1].units;
    const T* const source = l == 0 ? inputs.data<T>() : workspace->activations[l - 1].data<T>();
    const T* const delta = workspace->deltas[l].data<T>();
    const T* const kernel = parameters.data<T>() + layout_.kernel_offset(l);

    const GemmOperands<T> kernel_gradient = KernelGradient(
        source, delta, rows, width, units, gradients->data<T>() + layout_.kernel_offset(l));
    // The bias gradient goes with the columns that it is the sum of, once for each.
    const std::int64_t bias = layout_.bias_offset(l);
    const auto sum_biases = [&](std::int64_t row, std::int64_t, std::int64_t col,
                                std::int64_t cols) {
      if (bias < 0 || row > 0 || (units == 1 && col > 0)) return;
      const std::int64_t end = units == 1 ? 1 : col + cols;
      SumRows(delta, rows, units, col, end, gradients->data<T>() + bias);
    };
    if (l > 0) {
      GemmOperands<T> delta_below =
          InputGradient(delta, kernel, rows, width, units, workspace->deltas[l - 1].data<T>());
      if (activations_[l - 1]->IsRelu()) {
        delta_below.finish = GemmFinish::kReluDerivative;
        delta_below.activations = workspace->activations[l - 1].data<T>();
      }
      GemmBoth<T>(
          kernel_gradient, sum_biases, delta_below,
          [&](std::int64_t row, std::int64_t count, std::int64_t col, std::int64_t cols) {
            if (activations_[l - 1]->IsRelu()) return;
            ForEachRange(width, row, count, col, cols, [&](std::int64_t offset, std::int64_t n) {
              multiply_derivative(l - 1, offset, n);
            });
          },
          pool);
    } else if (input_gradient != nullptr) {
      input_gradient->Resize(data_type(), rows, width);
      GemmBoth<T>(kernel_gradient, sum_biases,
                  InputGradient(delta, kernel, rows, width, units, input_gradient->data<T>()),
                  kNoEpilogue, pool);
    } else {
      Gemm(kernel_gradient, pool, sum_biases);
    }
  }
}

void Network::Forward(const Buffer& parameters, const Matrix& inputs, bool keep_all,
                      ThreadPool* pool, Workspace* workspace) const {
  DESCENT_CHECK(parameters.size() == layout_.size());
  DESCENT_CHECK(inputs.cols() == input_features() && inputs.rows() >= 1);
  WithElementType(data_type(), [&](auto zero) {
    ForwardAs<decltype(zero)>(parameters, inputs, keep_all, pool, workspace);
  });
}

double Network::EvaluateLoss(const Targets& targets, const Matrix& weights,
                             Workspace* workspace) const {
  DESCENT_CHECK(TargetRows(targets) == workspace->rows);
  return WithElementType(data_type(), [&](auto zero) {
    return EvaluateLossAs<decltype(zero)>(targets, weights, workspace);
  });
}

void Network::Backward(const Buffer& parameters, const Matrix& inputs, ThreadPool* pool,
                       Workspace* workspace, Buffer* gradients, Matrix* input_gradient) const {
  DESCENT_CHECK(parameters.size() == layout_.size());
  DESCENT_CHECK(inputs.rows() == workspace->rows && inputs.cols() == input_features());
  WithElementType(data_type(), [&](auto zero) {
    BackwardAs<decltype(zero)>(parameters, inputs, pool, workspace, gradients, input_gradient);
  });
}

void Network::SetOutputGradient(const Matrix& output_gradient, Workspace* workspace) const {
  DESCENT_CHECK(output_gradient.rows() == workspace->rows && output_gradient.cols() == outputs());
  workspace->deltas.resize(spec_.layers.size());
  workspace->deltas.back().Resize(data_type(), workspace->rows, outputs());
  std::copy_n(output_gradient.buffer().bytes(), output_gradient.buffer().byte_size(),
              workspace->deltas.back().buffer().bytes());
}

}  // namespace descent
