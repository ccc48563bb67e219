#include "server/exchange/onnx/input_normalization.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/refusal.h"

namespace descent::exchange {
namespace {

// So many steps that shift or scale inputs are taken together.
constexpr int kMostAffineSteps = 16;

std::vector<double> NumbersOf(const Constant& constant, std::int64_t features) {
  std::vector<double> numbers(static_cast<std::size_t>(features));
  for (std::int64_t i = 0; i < features; ++i) {
    numbers[static_cast<std::size_t>(i)] = constant.At(constant.size() == 1 ? 0 : i);
  }
  return numbers;
}

// A constant with a number for each feature, or one for all.
const Constant* NumbersAt(const Graph& graph, absl::string_view name, std::int64_t features) {
  const Constant* const constant = graph.ConstantOf(name);
  if (constant == nullptr || !constant->IsFloatingPoint()) return nullptr;
  return constant->size() == 1 || constant->size() == features ? constant : nullptr;
}

const GraphNode* MakerBy(const Graph& graph, absl::string_view value, absl::string_view op) {
  const GraphNode* const node = graph.MakerOf(value);
  return node != nullptr && node->op() == op && CheckOperator(*node).ok() ? node : nullptr;
}

// Whether a node shifts or scales by what is constant, or made of constants as WriteNormalization
// does.
bool MayNormalize(const Graph& graph, const GraphNode& node) {
  if (node.op() == "Scaler") return true;
  if (node.op() == "BatchNormalization") {
    return IntOf(node, "training_mode", 0) == 0 && IntOf(node, "spatial", 1) == 1;
  }
  constexpr std::array<absl::string_view, 4> kShiftsAndScales = {"Add", "Sub", "Mul", "Div"};
  if (std::ranges::find(kShiftsAndScales, node.op()) == kShiftsAndScales.end()) return false;
  return graph.ConstantOf(node.input(0)) != nullptr || graph.ConstantOf(node.input(1)) != nullptr ||
         MakerBy(graph, node.input(1), "Reciprocal") != nullptr;
}

// What WriteNormalization writes.
struct OwnConstants {
  const Constant* mean;
  const Constant* squares;
  const Constant* weight;
  const Constant* epsilon;
};
std::optional<OwnConstants> FindOwn(const Graph& graph, absl::string_view value,
                                    std::int64_t features) {
  const GraphNode* const product = MakerBy(graph, value, "Mul");
  if (product == nullptr) return std::nullopt;
  const GraphNode* const difference = MakerBy(graph, product->input(0), "Sub");
  const GraphNode* const inverse = MakerBy(graph, product->input(1), "Reciprocal");
  if (difference == nullptr || inverse == nullptr || !graph.IsInput(difference->input(0))) {
    return std::nullopt;
  }
  const GraphNode* const root = MakerBy(graph, inverse->input(0), "Sqrt");
  if (root == nullptr) return std::nullopt;
  const GraphNode* const sum = MakerBy(graph, root->input(0), "Add");
  if (sum == nullptr) return std::nullopt;
  const GraphNode* const quotient = MakerBy(graph, sum->input(0), "Div");
  if (quotient == nullptr) return std::nullopt;
  const OwnConstants own{NumbersAt(graph, difference->input(1), features),
                         NumbersAt(graph, quotient->input(0), features),
                         NumbersAt(graph, quotient->input(1), 1),
                         NumbersAt(graph, sum->input(1), 1)};
  const bool all = own.mean != nullptr && own.squares != nullptr && own.weight != nullptr &&
                   own.epsilon != nullptr;
  return all ? std::optional(own) : std::nullopt;
}

absl::StatusOr<GraphNormalization> OwnNormalization(const OwnConstants& own, std::int64_t features,
                                                    std::optional<std::int64_t> rows) {
  GraphNormalization normalization;
  normalization.spec.epsilon = own.epsilon->At(0);
  if (rows == 0) return normalization;
  const double weight = own.weight->At(0);
  if (!(weight > 0) || !std::isfinite(weight)) {
    return Malformed(absl::StrCat("initializer ", Shown(own.weight->name())),
                     absl::StrCat("expected a number > 0, got ", weight));
  }
  // Without a count in the metadata each row counts one, as they do without a half-life.
  const double most_rows = std::min(std::max(1.0, std::floor(weight)), 0x1p53);
  std::vector<double> values = {rows.has_value() ? static_cast<double>(*rows) : most_rows, weight};
  const std::vector<double> means = NumbersOf(*own.mean, features);
  const std::vector<double> squares = NumbersOf(*own.squares, features);
  for (const double value : squares) {
    if (value >= 0) continue;
    return Malformed(absl::StrCat("initializer ", Shown(own.squares->name())),
                     absl::StrCat("expected numbers >= 0, got ", value));
  }
  values.insert(values.end(), means.begin(), means.end());
  values.insert(values.end(), squares.begin(), squares.end());
  normalization.statistics = std::make_shared<InputStatistics>(std::move(values));
  return normalization;
}

// What the first layer reads as a x + b, feature by feature, of a value x on the way to the input.
class Affine {
 public:
  explicit Affine(std::int64_t features)
      : features_(features),
        scale_(static_cast<std::size_t>(features), 1.0),
        shift_(static_cast<std::size_t>(features), 0.0) {}

  // The same of what the node reads; what that is, or "" where the node does something else.
  absl::string_view GoBefore(const Graph& graph, const GraphNode& node) {
    if (node.op() == "Scaler") return GoBeforeScaler(graph, node);
    if (node.op() == "BatchNormalization") return GoBeforeBatchNorm(graph, node);
    int from = 0;
    const bool commutes = node.op() == "Add" || node.op() == "Mul";
    if (commutes && graph.ConstantOf(node.input(0)) != nullptr) from = 1;
    const Constant* const constant = NumbersAt(graph, node.input(1 - from), features_);
    if (constant == nullptr || graph.ConstantOf(node.input(from)) != nullptr) return "";
    const std::vector<double> numbers = NumbersOf(*constant, features_);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (node.op() == "Add") {
        shift_[i] += scale_[i] * numbers[i];
      } else if (node.op() == "Sub") {
        shift_[i] -= scale_[i] * numbers[i];
      } else if (node.op() == "Mul") {
        scale_[i] *= numbers[i];
      } else if (node.op() == "Div") {
        scale_[i] /= numbers[i];
      } else {
        return "";
      }
    }
    return graph.Resolve(node.input(from));
  }

  // As statistics of one row. Unset unless every scale is finite and > 0.
  std::optional<GraphNormalization> AsStatistics() const {
    std::vector<double> means;
    std::vector<double> variances;
    for (std::size_t i = 0; i < scale_.size(); ++i) {
      const double variance = 1 / scale_[i] / scale_[i];
      if (!(scale_[i] > 0) || !(variance > 0) || !std::isfinite(variance) ||
          !std::isfinite(shift_[i])) {
        return std::nullopt;
      }
      means.push_back(-shift_[i] / scale_[i]);
      variances.push_back(variance);
    }
    GraphNormalization normalization;
    // So small that it changes nothing.
    normalization.spec.epsilon = std::min(1e-30, *std::ranges::min_element(variances) * 0x1p-60);
    normalization.spec.freeze_after_rows = 1;
    if (!(normalization.spec.epsilon > 0)) return std::nullopt;
    std::vector<double> values = {1, 1};
    values.insert(values.end(), means.begin(), means.end());
    values.insert(values.end(), variances.begin(), variances.end());
    normalization.statistics = std::make_shared<InputStatistics>(std::move(values));
    return normalization;
  }

 private:
  // (x - offset) scale.
  absl::string_view GoBeforeScaler(const Graph& graph, const GraphNode& node) {
    const onnx::AttributeProto* const offset = FindAttribute(node, "offset");
    const onnx::AttributeProto* const scale = FindAttribute(node, "scale");
    const auto fits = [&](const onnx::AttributeProto* numbers) {
      return numbers == nullptr || numbers->floats_size() == 1 ||
             numbers->floats_size() == features_;
    };
    if (!fits(offset) || !fits(scale)) return "";
    const auto at = [](const onnx::AttributeProto* numbers, std::size_t i, double otherwise) {
      if (numbers == nullptr) return otherwise;
      return static_cast<double>(
          numbers->floats(numbers->floats_size() == 1 ? 0 : static_cast<int>(i)));
    };
    for (std::size_t i = 0; i < scale_.size(); ++i) {
      scale_[i] *= at(scale, i, 1);
      shift_[i] -= scale_[i] * at(offset, i, 0);
    }
    return graph.Resolve(node.input(0));
  }

  // (x - mean) gain / √(variance + ε) + bias, which learns no more.
  absl::string_view GoBeforeBatchNorm(const Graph& graph, const GraphNode& node) {
    std::array<std::vector<double>, 4> rows;
    for (int i = 0; i < 4; ++i) {
      const Constant* const row = NumbersAt(graph, node.input(i + 1), features_);
      if (row == nullptr || row->size() != features_) return "";
      rows[static_cast<std::size_t>(i)] = NumbersOf(*row, features_);
    }
    const auto& [gains, biases, means, variances] = rows;
    const double epsilon = FloatOf(node, "epsilon", 1e-5);
    for (std::size_t i = 0; i < scale_.size(); ++i) {
      const double gain = gains[i] / std::sqrt(variances[i] + epsilon);
      shift_[i] += scale_[i] * (biases[i] - means[i] * gain);
      scale_[i] *= gain;
    }
    return graph.Resolve(node.input(0));
  }

  const std::int64_t features_;
  std::vector<double> scale_;
  std::vector<double> shift_;
};

}  // namespace

absl::Status CheckBeforeLayers(const Graph& graph, absl::string_view value) {
  if (graph.IsInput(value)) return absl::OkStatus();
  const GraphNode* const node = graph.MakerOf(value);
  if (node == nullptr || !MayNormalize(graph, *node)) return RefuseValue(graph, value);
  return CheckOperator(*node);
}

absl::StatusOr<std::optional<GraphNormalization>> ReadNormalization(
    const Graph& graph, absl::string_view value, std::int64_t features,
    std::optional<std::int64_t> rows) {
  if (graph.IsInput(value)) return std::optional<GraphNormalization>();
  RETURN_IF_ERROR(CheckBeforeLayers(graph, value));
  if (const auto own = FindOwn(graph, value, features); own.has_value()) {
    ASSIGN_OR_RETURN(GraphNormalization normalization, OwnNormalization(*own, features, rows));
    return std::optional(std::move(normalization));
  }
  Affine affine(features);
  const GraphNode* node = graph.MakerOf(value);
  for (int step = 0; step < kMostAffineSteps && node != nullptr; ++step) {
    RETURN_IF_ERROR(CheckOperator(*node));
    value = affine.GoBefore(graph, *node);
    if (value.empty()) break;
    if (graph.IsInput(value)) {
      std::optional<GraphNormalization> normalization = affine.AsStatistics();
      if (normalization.has_value()) return normalization;
      return RefuseNode(*node, "inputs are normalised by numbers that are no means and deviations");
    }
    node = graph.MakerOf(value);
  }
  return RefuseValue(graph, value.empty() ? node->proto->output(0) : value);
}

}  // namespace descent::exchange
