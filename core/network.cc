#include "core/network.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/activations/kinds.h"
#include "core/check.h"
#include "core/error.h"
#include "core/finite.h"
#include "core/initializers/initializer.h"
#include "core/losses/kinds.h"
#include "core/status_macros.h"

namespace descent {
namespace {

// A flat buffer may hold so many elements: 2^40, far beyond any machine, and far enough from 2^63
// that no product of a size and a width overflows.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

std::string ShapeText(std::int64_t rows, std::int64_t cols) {
  return absl::StrCat("[", rows, ", ", cols, "]");
}

absl::Status WrongShape(std::string_view field, const std::string& expected,
                        const std::string& actual) {
  return InvalidField(field, absl::StrCat("expected shape ", expected, ", got ", actual),
                      {{"expected", expected}, {"actual", actual}}, "WRONG_SHAPE");
}

// A matrix as callers send it: type, width and finite values.
absl::Status ValidateMatrix(std::string_view field, const Matrix& matrix, DataType type,
                            std::int64_t rows, std::int64_t cols) {
  const bool any_rows = rows < 0;
  if (matrix.cols() != cols || (any_rows ? matrix.rows() < 1 : matrix.rows() != rows)) {
    return WrongShape(
        field, any_rows ? absl::StrCat("[n, ", cols, "] with n >= 1") : ShapeText(rows, cols),
        ShapeText(matrix.rows(), matrix.cols()));
  }
  if (matrix.type() != type) {
    return InvalidField(
        field, absl::StrCat("expected ", DataTypeName(type), ", got ", DataTypeName(matrix.type())),
        {{"expected", DataTypeName(type)}, {"actual", DataTypeName(matrix.type())}},
        "WRONG_DATA_TYPE");
  }
  if (const std::int64_t i = FirstNonFinite(matrix.buffer()); i >= 0) {
    const std::int64_t row = i / cols;
    const std::int64_t col = i % cols;
    return InvalidField(field,
                        absl::StrCat("expected finite values, got ", matrix.At(row, col),
                                     " at row ", row, ", column ", col),
                        {{"row", absl::StrCat(row)}, {"column", absl::StrCat(col)}},
                        "NON_FINITE_VALUE");
  }
  return absl::OkStatus();
}

absl::Status ValidateSizes(const NetworkSpec& spec) {
  const auto positive = [](std::string_view field, std::int64_t value) {
    if (value >= 1 && value <= kMaxElements) return absl::OkStatus();
    return InvalidField(field, absl::StrCat("expected at least 1, got ", value));
  };
  RETURN_IF_ERROR(positive("input_features", spec.input_features));
  if (spec.layers.empty()) return InvalidField("layers", "expected at least one layer, got none");
  std::int64_t inputs = spec.input_features;
  std::int64_t total = 0;
  for (std::size_t l = 0; l < spec.layers.size(); ++l) {
    const std::int64_t units = spec.layers[l].units;
    const std::string field = absl::StrCat("layers[", l, "].dense.units");
    RETURN_IF_ERROR(positive(field, units));
    if (units > (kMaxElements - total) / (inputs + 1)) {
      return InvalidField(
          field, absl::StrCat("the network would have more than ", kMaxElements, " parameters"));
    }
    total += units * (inputs + 1);
    inputs = units;
  }
  return absl::OkStatus();
}

InitializerSpec WithDefault(InitializerSpec spec, InitializerKind kind) {
  if (!spec.kind.has_value()) spec.kind = kind;
  return spec;
}

}  // namespace

std::size_t Workspace::byte_size() const {
  std::size_t bytes = row_scales.buffer().capacity() + row_losses.buffer().capacity();
  for (const auto* matrices : {&pre_activations, &activations, &deltas}) {
    bytes += matrices->capacity() * sizeof(Matrix);
    for (const Matrix& matrix : *matrices) bytes += matrix.buffer().capacity();
  }
  return bytes;
}

Network::Network(const NetworkSpec& spec) : spec_(spec), layout_(spec) {}

absl::StatusOr<std::shared_ptr<const Network>> Network::Create(const NetworkSpec& spec) {
  RETURN_IF_ERROR(ValidateSizes(spec));
  auto network = std::shared_ptr<Network>(new Network(spec));
  for (std::size_t l = 0; l < spec.layers.size(); ++l) {
    const DenseSpec& dense = spec.layers[l];
    const std::string field = absl::StrCat("layers[", l, "].dense");
    auto activation = MakeActivation(dense.activation);
    if (!activation.ok()) {
      return WithFieldPrefix(activation.status(), absl::StrCat(field, ".activation"));
    }
    network->activations_.push_back(*std::move(activation));
    RETURN_IF_ERROR(WithFieldPrefix(ValidateInitializer(dense.kernel_initializer),
                                    absl::StrCat(field, ".kernel_initializer")));
    RETURN_IF_ERROR(WithFieldPrefix(ValidateInitializer(dense.bias_initializer),
                                    absl::StrCat(field, ".bias_initializer")));
  }
  auto loss = MakeLoss(spec.loss);
  if (!loss.ok()) return WithFieldPrefix(loss.status(), "loss");
  network->loss_ = *std::move(loss);
  return network;
}

Buffer Network::InitialParameters() const {
  Buffer parameters(data_type(), layout_.size());
  for (std::size_t i = 0; i < layout_.parameters().size(); ++i) {
    const ParameterInfo& parameter = layout_.parameters()[i];
    const auto l = static_cast<std::size_t>(parameter.layer);
    const DenseSpec& dense = spec_.layers[l];
    const ActivationInfo& activation = GetActivationInfo(dense.activation.kind);
    const InitializerContext context{
        .seed = spec_.seed,
        .parameter = i,
        .fan_in = l == 0 ? spec_.input_features : spec_.layers[l - 1].units,
        .fan_out = dense.units,
        .gain = ActivationGain(dense.activation)};
    const InitializerSpec initializer =
        parameter.is_bias ? WithDefault(dense.bias_initializer, InitializerKind::kZeros)
                          : WithDefault(dense.kernel_initializer,
                                        activation.relu_family ? InitializerKind::kHeUniform
                                                               : InitializerKind::kGlorotUniform);
    Initialize(initializer, context, parameter.offset, parameter.size, &parameters);
  }
  return parameters;
}

absl::Status Network::ValidateInputs(const Matrix& inputs) const {
  return ValidateMatrix("inputs", inputs, data_type(), /*rows=*/-1, input_features());
}

absl::Status Network::ValidateTargets(const Targets& targets, std::int64_t rows) const {
  if (const auto* values = std::get_if<Matrix>(&targets)) {
    RETURN_IF_ERROR(ValidateMatrix("targets", *values, data_type(), rows, outputs()));
  } else {
    if (!loss_->AcceptsClassIndices()) {
      return WrongShape("targets", ShapeText(rows, outputs()),
                        absl::StrCat("class indices [", TargetRows(targets), "]"));
    }
    if (TargetRows(targets) != rows) {
      return WrongShape("targets", absl::StrCat("[", rows, "]"),
                        absl::StrCat("[", TargetRows(targets), "]"));
    }
  }
  return loss_->ValidateTargets(targets, outputs());
}

absl::Status Network::ValidateWeights(const Matrix& weights, std::int64_t rows) const {
  if (weights.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(ValidateMatrix("weights", weights, data_type(), rows, 1));
  double sum = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    const double weight = weights.At(i, 0);
    if (weight < 0) {
      return InvalidField("weights",
                          absl::StrCat("expected values >= 0, got ", weight, " at row ", i),
                          {{"row", absl::StrCat(i)}}, "NEGATIVE_WEIGHT");
    }
    sum += weight;
  }
  if (!(sum > 0)) {
    return InvalidField("weights", "expected a positive sum, got all zeros", {}, "ZERO_WEIGHTS");
  }
  return absl::OkStatus();
}

absl::Status Network::ValidateBatch(const Batch& batch) const {
  RETURN_IF_ERROR(ValidateInputs(batch.inputs));
  RETURN_IF_ERROR(ValidateTargets(batch.targets, batch.rows()));
  return ValidateWeights(batch.weights, batch.rows());
}

}  // namespace descent
