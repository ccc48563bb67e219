#include "bench/core/reference_networks.h"

#include <cstddef>

namespace descent::bench {
namespace {

const Reference kReferences[] = {
    {"13-64-1", {13, 64, 1}, HiddenActivation::kRelu, 32},
    {"8-64-64-1", {8, 64, 64, 1}, HiddenActivation::kRelu, 128},
    {"784-128-10", {784, 128, 10}, HiddenActivation::kRelu, 64},
    {"28-300x5-1", {28, 300, 300, 300, 300, 300, 1}, HiddenActivation::kTanh, 100},
    {"784-512-256-10", {784, 512, 256, 10}, HiddenActivation::kRelu, 128},
    {"784-1024-1024-10", {784, 1024, 1024, 10}, HiddenActivation::kRelu, 256},
};

// A[m, k] B[k, n] with either operand stored transposed.
GemmOperands<float> Operands(std::int64_t m, std::int64_t n, std::int64_t k, bool transposed_a,
                             bool transposed_b) {
  return {.m = m,
          .n = n,
          .k = k,
          .a_row_stride = transposed_a ? 1 : k,
          .a_col_stride = transposed_a ? m : 1,
          .b_row_stride = transposed_b ? 1 : n,
          .b_col_stride = transposed_b ? k : 1};
}

GemmOperands<float> OperandsOf(BareProduct::Form form, std::int64_t rows, std::int64_t inputs,
                               std::int64_t units) {
  switch (form) {
    case BareProduct::Form::kForward:
      return Operands(rows, units, inputs, false, false);
    case BareProduct::Form::kInputGradient:
      return Operands(rows, inputs, units, false, true);
    case BareProduct::Form::kKernelGradient:
      break;
  }
  // The gradient of a column is computed as a row.
  if (units == 1) return Operands(1, inputs, rows, false, false);
  return Operands(inputs, units, rows, true, false);
}

}  // namespace

std::span<const Reference> References() { return kReferences; }

NetworkSpec SpecOf(const Reference& reference) {
  NetworkSpec spec;
  spec.input_features = reference.widths[0];
  for (std::size_t l = 1; l < reference.widths.size(); ++l) {
    DenseSpec dense;
    dense.units = reference.widths[l];
    if (l + 1 < reference.widths.size()) {
      if (reference.activation == HiddenActivation::kRelu) {
        dense.activation = ReluActivation{};
      } else {
        dense.activation = TanhActivation{};
      }
    }
    spec.layers.emplace_back(dense);
  }
  return spec;
}

double StepOperations(const Reference& reference) {
  double operations = 0;
  for (std::size_t l = 1; l < reference.widths.size(); ++l) {
    operations += (l == 1 ? 4.0 : 6.0) * static_cast<double>(reference.widths[l - 1]) *
                  static_cast<double>(reference.widths[l]);
  }
  return operations * static_cast<double>(reference.rows);
}

Matrix RandomMatrix(std::int64_t rows, std::int64_t cols, std::mt19937* random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  Matrix matrix(DataType::kFloat32, rows, cols);
  for (std::int64_t i = 0; i < rows * cols; ++i) matrix.data<float>()[i] = uniform(*random);
  return matrix;
}

BareProduct::BareProduct(Form form, std::int64_t rows, std::int64_t inputs, std::int64_t units)
    : form_(form), operands_(OperandsOf(form, rows, inputs, units)) {
  std::mt19937 random(1);
  a_ = RandomMatrix(operands_.m, operands_.k, &random);
  b_ = RandomMatrix(operands_.k, operands_.n, &random);
  c_ = Matrix(DataType::kFloat32, operands_.m, operands_.n);
  operands_.a = a_.data<float>();
  operands_.b = b_.data<float>();
  operands_.c = c_.data<float>();
}

void BareProduct::Run(ThreadPool* pool) {
  Gemm(operands_, pool, [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) {});
}

std::string_view BareProduct::form_name() const {
  switch (form_) {
    case Form::kForward:
      return "forward";
    case Form::kKernelGradient:
      return "dW";
    case Form::kInputGradient:
      break;
  }
  return "dX";
}

std::vector<BareProduct> ProductsOf(const Reference& reference) {
  std::vector<BareProduct> products;
  const auto add = [&](BareProduct::Form form, std::size_t l) {
    products.emplace_back(form, reference.rows, reference.widths[l], reference.widths[l + 1]);
  };
  const std::size_t depth = reference.widths.size() - 1;
  for (std::size_t l = 0; l < depth; ++l) add(BareProduct::Form::kForward, l);
  for (std::size_t l = depth; l-- > 0;) {
    add(BareProduct::Form::kKernelGradient, l);
    if (l > 0) add(BareProduct::Form::kInputGradient, l);
  }
  return products;
}

}  // namespace descent::bench
