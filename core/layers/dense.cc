#include "core/layers/dense.h"

#include <utility>

#include "core/activations/kinds.h"
#include "core/error.h"
#include "core/initializers/initializer.h"
#include "core/kernels/gemm.h"
#include "core/kernels/row_ranges.h"
#include "core/kernels/sum_rows.h"
#include "core/layers/sizes.h"
#include "core/status_macros.h"

namespace descent {
namespace {

// ∂L/∂W = xᵀ Δ for inputs [rows, width] and delta [rows, units].
template <typename T>
GemmOperands<T> KernelGradient(const T* inputs, const T* delta, std::int64_t rows,
                               std::int64_t width, std::int64_t units, T* gradient) {
  if (units == 1) {
    // A column: its transpose, Δᵀ x, reads both matrices along their rows.
    return {.m = 1,
            .n = width,
            .k = rows,
            .a = delta,
            .a_row_stride = rows,
            .a_col_stride = 1,
            .b = inputs,
            .b_row_stride = width,
            .b_col_stride = 1,
            .c = gradient};
  }
  return {.m = width,
          .n = units,
          .k = rows,
          .a = inputs,
          .a_row_stride = 1,
          .a_col_stride = width,
          .b = delta,
          .b_row_stride = units,
          .b_col_stride = 1,
          .c = gradient};
}

// ∂L/∂x = Δ Wᵀ for delta [rows, units] and kernel [width, units].
template <typename T>
GemmOperands<T> InputGradient(const T* delta, const T* kernel, std::int64_t rows,
                              std::int64_t width, std::int64_t units, T* gradient) {
  return {.m = rows,
          .n = width,
          .k = units,
          .a = delta,
          .a_row_stride = units,
          .a_col_stride = 1,
          .b = kernel,
          .b_row_stride = 1,
          .b_col_stride = units,
          .c = gradient};
}

InitializerSpec WithDefault(InitializerSpec spec, InitializerKind kind) {
  if (!spec.kind.has_value()) spec.kind = kind;
  return spec;
}

}  // namespace

DenseLayer::DenseLayer(const DenseSpec& spec, std::int64_t inputs,
                       std::unique_ptr<Activation> activation)
    : LayerOfKind(inputs, spec.units), spec_(spec), activation_(std::move(activation)) {}

absl::StatusOr<std::unique_ptr<Layer>> DenseLayer::Create(const DenseSpec& spec,
                                                          std::int64_t inputs) {
  RETURN_IF_ERROR(ValidateSize("units", spec.units));
  auto activation = MakeActivation(spec.activation);
  if (!activation.ok()) return WithFieldPrefix(activation.status(), "activation");
  RETURN_IF_ERROR(
      WithFieldPrefix(ValidateInitializer(spec.kernel_initializer), "kernel_initializer"));
  RETURN_IF_ERROR(WithFieldPrefix(ValidateInitializer(spec.bias_initializer), "bias_initializer"));
  return std::unique_ptr<Layer>(new DenseLayer(spec, inputs, *std::move(activation)));
}

std::vector<LayerParameter> DenseLayer::Parameters() const {
  const double gain = ActivationGain(spec_.activation);
  const bool relu_family = GetActivationInfo(spec_.activation).relu_family;
  std::vector<LayerParameter> parameters = {
      {.role = "kernel",
       .shape = {inputs(), units()},
       .initializer =
           WithDefault(spec_.kernel_initializer,
                       relu_family ? InitializerKind::kHeUniform : InitializerKind::kGlorotUniform),
       .gain = gain}};
  if (!spec_.omit_bias) {
    parameters.push_back(
        {.role = "bias",
         .shape = {units()},
         .initializer = WithDefault(spec_.bias_initializer, InitializerKind::kZeros),
         .gain = gain,
         .is_per_unit = true});
  }
  return parameters;
}

void DenseLayer::Place(absl::Span<const std::int64_t> offsets) {
  kernel_ = offsets[0];
  bias_ = spec_.omit_bias ? -1 : offsets[1];
}

double DenseLayer::RowCost() const {
  return static_cast<double>(inputs() + (spec_.omit_bias ? 0 : 1)) * static_cast<double>(units());
}

template <typename T>
void DenseLayer::ForwardAs(const ForwardPass<T>& pass) const {
  T* const a = pass.outputs;
  T* const z = pass.kept == nullptr ? a : pass.kept;
  const GemmOperands<T> product{
      .m = pass.rows,
      .n = units(),
      .k = inputs(),
      .a = pass.inputs,
      .a_row_stride = inputs(),
      .a_col_stride = 1,
      .b = pass.parameters + kernel_,
      .b_row_stride = units(),
      .b_col_stride = 1,
      .c = z,
      .start = bias_ < 0 ? nullptr : pass.parameters + bias_,
      .finish = z == a && activation_->IsRelu() ? GemmFinish::kRelu : GemmFinish::kNone,
  };
  Gemm(product, pass.pool,
       [&](std::int64_t row, std::int64_t count, std::int64_t col, std::int64_t cols) {
         if (z == a && (activation_->IsIdentity() || activation_->IsRelu())) return;
         kernels::ForEachRange(units(), row, count, col, cols,
                               [&](std::int64_t offset, std::int64_t n) {
                                 activation_->Forward(z + offset, a + offset, n);
                               });
       });
}

template <typename T>
void DenseLayer::BackwardAs(const BackwardPass<T>& pass) const {
  const GemmOperands<T> kernel_gradient = KernelGradient(
      pass.inputs, pass.delta, pass.rows, inputs(), units(), pass.gradients + kernel_);
  // The bias's gradient goes with the columns that it is the sum of, once for each.
  const auto sum_biases = [&](std::int64_t row, std::int64_t, std::int64_t col, std::int64_t cols) {
    if (bias_ < 0 || row > 0 || (units() == 1 && col > 0)) return;
    const std::int64_t end = units() == 1 ? 1 : col + cols;
    kernels::SumRows(pass.delta, pass.rows, units(), col, end, pass.gradients + bias_);
  };
  const DeltaBelow<T>& below = pass.below;
  if (below.delta == nullptr) {
    Gemm(kernel_gradient, pass.pool, sum_biases);
    return;
  }
  GemmOperands<T> product = InputGradient(pass.delta, pass.parameters + kernel_, pass.rows,
                                          inputs(), units(), below.delta);
  const bool rectifier_only = below.IsRectifierOnly();
  if (rectifier_only) {
    product.finish = GemmFinish::kReluDerivative;
    product.activations = below.activations;
  }
  GemmBoth<T>(
      kernel_gradient, sum_biases, product,
      [&](std::int64_t row, std::int64_t count, std::int64_t col, std::int64_t cols) {
        if (!rectifier_only) below.Finish(row, count, col, cols);
      },
      pass.pool);
}

template void DenseLayer::ForwardAs(const ForwardPass<float>&) const;
template void DenseLayer::ForwardAs(const ForwardPass<double>&) const;
template void DenseLayer::BackwardAs(const BackwardPass<float>&) const;
template void DenseLayer::BackwardAs(const BackwardPass<double>&) const;

}  // namespace descent
