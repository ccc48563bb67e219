#include "core/network.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/finite.h"
#include "core/initializers/initializer.h"
#include "core/layers/sizes.h"
#include "core/losses/kinds.h"
#include "core/status_macros.h"

namespace descent {
namespace {

// A pass that multiplies and adds less often runs on the calling thread: other threads would be
// awake longer than they help.
constexpr double kPoolWork = std::int64_t{1} << 20;

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

absl::Status ValidateInputNormalization(const InputNormalizationSpec& spec) {
  if (!(spec.epsilon > 0) || !std::isfinite(spec.epsilon)) {
    return InvalidField("epsilon", absl::StrCat("expected a number > 0, got ", spec.epsilon));
  }
  if (spec.freeze_after_rows < 0) {
    return InvalidField("freeze_after_rows",
                        absl::StrCat("expected at least 0, got ", spec.freeze_after_rows));
  }
  // A shorter half-life than a row would count nothing but the last.
  if (spec.half_life_rows != 0 &&
      !(spec.half_life_rows >= 1 && std::isfinite(spec.half_life_rows))) {
    return InvalidField("half_life_rows",
                        absl::StrCat("expected 0 or a number >= 1, got ", spec.half_life_rows));
  }
  return absl::OkStatus();
}

}  // namespace

std::size_t Workspace::byte_size() const {
  std::size_t bytes = 0;
  for (const Matrix* matrix : {&normalized_inputs, &first_inputs, &first_gradient, &input_scales,
                               &row_scales, &row_losses}) {
    bytes += matrix->buffer().capacity();
  }
  bytes += tables.byte_size();
  for (const auto* matrices : {&pre_activations, &row_values, &activations, &deltas}) {
    bytes += matrices->capacity() * sizeof(Matrix);
    for (const Matrix& matrix : *matrices) bytes += matrix.buffer().capacity();
  }
  return bytes;
}

Network::Network(const NetworkSpec& spec, PlacedLayers placed, std::unique_ptr<Loss> loss)
    : spec_(spec),
      layout_(std::move(placed.layout)),
      layers_(std::move(placed.layers)),
      initials_(std::move(placed.initials)),
      tables_(std::move(placed.tables)),
      first_width_(placed.first_width),
      loss_(std::move(loss)) {
  if (normalizes_inputs()) {
    row_cost_ += static_cast<double>(input_features());
    values_per_row_ += static_cast<double>(input_features());
  }
  if (!tables_.empty()) {
    row_cost_ += static_cast<double>(first_width_);
    values_per_row_ += static_cast<double>(first_width_);
  }
  for (const PlacedLayer& placed_layer : layers_) {
    row_cost_ += placed_layer.layer->RowCost();
    values_per_row_ += static_cast<double>(placed_layer.units);
  }
}

absl::StatusOr<std::shared_ptr<const Network>> Network::Create(const NetworkSpec& spec) {
  RETURN_IF_ERROR(ValidateCategoricalInputs(spec));
  if (spec.categorical_inputs.empty() || spec.input_features != 0) {
    RETURN_IF_ERROR(ValidateSize("input_features", spec.input_features));
  } else if (spec.input_normalization.has_value()) {
    return InvalidField("input_normalization", "the network has no numeric inputs", {},
                        "CONTRADICTORY_FIELDS");
  }
  ASSIGN_OR_RETURN(PlacedLayers placed, PlaceLayers(spec));
  auto loss = MakeLoss(spec.loss);
  if (!loss.ok()) return WithFieldPrefix(loss.status(), "loss");
  if (spec.input_normalization.has_value()) {
    RETURN_IF_ERROR(WithFieldPrefix(ValidateInputNormalization(*spec.input_normalization),
                                    "input_normalization"));
  }
  return std::shared_ptr<const Network>(new Network(spec, std::move(placed), *std::move(loss)));
}

ThreadPool* Network::PoolFor(std::int64_t rows, ThreadPool* pool) const {
  return static_cast<double>(rows) * row_cost_ < kPoolWork ? nullptr : pool;
}

Buffer Network::InitialParameters() const {
  Buffer parameters(data_type(), layout_.size());
  Initialize(/*pool=*/nullptr, &parameters);
  return parameters;
}

void Network::Initialize(ThreadPool* pool, Buffer* parameters) const {
  for (std::size_t i = 0; i < initials_.size(); ++i) {
    const ParameterInfo& parameter = layout_.parameters()[i];
    descent::Initialize(initials_[i].initializer, initials_[i].context, parameter.offset,
                        parameter.size, pool, parameters);
  }
}

std::shared_ptr<const InputStatistics> Network::MergeStatistics(
    const std::shared_ptr<const InputStatistics>& before, const Matrix& inputs) const {
  if (!spec_.input_normalization.has_value()) return nullptr;
  DESCENT_CHECK(before != nullptr);
  auto merged = std::make_shared<InputStatistics>(*before);
  merged->Merge(*spec_.input_normalization, inputs);
  return merged;
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

absl::Status Network::ValidateCategories(const Categories& categories, std::int64_t rows) const {
  if (categories.size() != tables_.size()) {
    return InvalidField("categories", absl::StrCat("expected values for ", tables_.size(),
                                                   " categorical inputs, got ", categories.size()));
  }
  for (std::size_t i = 0; i < categories.size(); ++i) {
    RETURN_IF_ERROR(WithFieldPrefix(
        ValidateCategoryValues(spec_.categorical_inputs[i], categories[i], rows, data_type()),
        absl::StrCat("categories[", i, "]")));
  }
  return absl::OkStatus();
}

absl::Status Network::ValidateBatch(const Batch& batch) const {
  RETURN_IF_ERROR(ValidateInputs(batch.inputs));
  RETURN_IF_ERROR(ValidateCategories(batch.categories, batch.rows()));
  RETURN_IF_ERROR(ValidateTargets(batch.targets, batch.rows()));
  return ValidateWeights(batch.weights, batch.rows());
}

}  // namespace descent
