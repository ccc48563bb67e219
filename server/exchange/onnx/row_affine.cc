#include "server/exchange/onnx/row_affine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <ranges>
#include <utility>

#include "server/exchange/onnx/operators.h"

namespace descent::exchange {
namespace {

// A product's bias and batch normalisation, written out.
constexpr std::size_t kMostRowSteps = 4;

std::vector<double> NumbersIn(const Constant& row) {
  std::vector<double> numbers(static_cast<std::size_t>(row.size()));
  row.Read(numbers.data());
  return numbers;
}

double At(const std::vector<double>& numbers, std::size_t i) {
  return numbers[numbers.size() == 1 ? 0 : i];
}

}  // namespace

bool IsRow(const Constant& constant) {
  if (!constant.IsFloatingPoint()) return false;
  return constant.size() == 1 ||
         (constant.rank() >= 1 && constant.dims().back() == constant.size());
}

std::optional<RowAndValue> WithRow(const Graph& graph, const GraphNode* node) {
  if (node == nullptr || node->inputs() != 2) return std::nullopt;
  for (const int i : {1, 0}) {
    const Constant* const row = graph.ConstantOf(node->input(i));
    if (row == nullptr || graph.ConstantOf(node->input(1 - i)) != nullptr) continue;
    if (!IsRow(*row)) return std::nullopt;
    return RowAndValue{row, graph.Resolve(node->input(1 - i))};
  }
  return std::nullopt;
}

RowAffine RowAffine::Before(const Graph& graph, absl::string_view value) {
  RowAffine affine;
  affine.input_ = graph.Resolve(value);
  while (affine.steps_.size() < kMostRowSteps) {
    const GraphNode* const node = graph.MakerOf(affine.input_);
    if (node == nullptr || !CheckOperator(*node).ok()) break;
    std::optional<Step> step = StepOf(graph, *node, &affine.input_);
    if (!step.has_value()) break;
    affine.steps_.push_back(*std::move(step));
  }
  return affine;
}

std::optional<RowAffine::Step> RowAffine::StepOf(const Graph& graph, const GraphNode& node,
                                                 absl::string_view* input) {
  using Kind = Step::Kind;
  if (node.op() == "BatchNormalization") {
    if (IntOf(node, "training_mode", 0) != 0 || IntOf(node, "spatial", 1) != 1) return std::nullopt;
    Step step{Kind::kBatchNorm, {}, FloatOf(node, "epsilon", 1e-5)};
    for (int i = 1; i <= 4; ++i) {
      const Constant* const row = graph.ConstantOf(node.input(i));
      if (row == nullptr || !IsRow(*row)) return std::nullopt;
      step.rows.push_back(row);
    }
    *input = graph.Resolve(node.input(0));
    return step;
  }
  constexpr std::array<std::pair<absl::string_view, Kind>, 4> kKinds = {{{"Add", Kind::kAdd},
                                                                         {"Sub", Kind::kSubtract},
                                                                         {"Mul", Kind::kMultiply},
                                                                         {"Div", Kind::kDivide}}};
  const auto* const kind =
      std::ranges::find(kKinds, node.op(), &decltype(kKinds)::value_type::first);
  if (kind == kKinds.end()) return std::nullopt;
  const std::optional<RowAndValue> operands = WithRow(graph, &node);
  if (!operands.has_value()) return std::nullopt;
  const bool row_may_be_first = kind->second == Kind::kAdd || kind->second == Kind::kMultiply;
  if (!row_may_be_first && graph.ConstantOf(node.input(1)) == nullptr) return std::nullopt;
  *input = operands->value;
  return Step{kind->second, {operands->row}};
}

RowAffine::Step::Numbers RowAffine::Step::Read() const {
  std::vector<double> numbers = NumbersIn(*rows[0]);
  switch (kind) {
    case Kind::kAdd:
      return {{1}, std::move(numbers)};
    case Kind::kSubtract:
      for (double& number : numbers) number = -number;
      return {{1}, std::move(numbers)};
    case Kind::kMultiply:
      return {std::move(numbers), {0}};
    case Kind::kDivide:
      for (double& number : numbers) number = 1 / number;
      return {std::move(numbers), {0}};
    case Kind::kBatchNorm:
      break;
  }
  // (x - mean) gain / √(variance + ε) + bias
  std::vector<double> shift = NumbersIn(*rows[1]);
  const std::vector<double> means = NumbersIn(*rows[2]);
  const std::vector<double> variances = NumbersIn(*rows[3]);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] /= std::sqrt(variances[i] + epsilon);
    shift[i] -= means[i] * numbers[i];
  }
  return {std::move(numbers), std::move(shift)};
}

std::optional<RowAffine::Step::Numbers> RowAffine::Together(std::int64_t features) const {
  const auto count = static_cast<std::size_t>(features);
  Step::Numbers all{std::vector<double>(count, 1), std::vector<double>(count, 0)};
  for (const Step& step : steps_ | std::views::reverse) {
    for (const Constant* const row : step.rows) {
      const bool is_for_all = row->size() == 1 && step.kind != Step::Kind::kBatchNorm;
      if (row->size() != features && !is_for_all) return std::nullopt;
    }
    const Step::Numbers numbers = step.Read();
    for (std::size_t i = 0; i < count; ++i) {
      all.scale[i] *= At(numbers.scale, i);
      all.shift[i] = all.shift[i] * At(numbers.scale, i) + At(numbers.shift, i);
    }
  }
  return all;
}

std::optional<DensePattern> RowAffine::After(const DensePattern& dense) const {
  if (dense.kernel.size() == 0) return std::nullopt;  // its extents may be anything
  std::optional<Step::Numbers> all = Together(dense.kernel.dims()[1]);
  if (!all.has_value()) return std::nullopt;
  if (dense.bias.has_value()) {
    const std::vector<double> bias = NumbersIn(*dense.bias);
    if (bias.size() != 1 && bias.size() != all->shift.size()) return std::nullopt;
    for (std::size_t i = 0; i < all->shift.size(); ++i) {
      all->shift[i] += all->scale[i] * At(bias, i);
    }
  }
  return DensePattern{
      .input = dense.input,
      .kernel = dense.kernel.Scaled({}, all->scale),
      .bias = Constant::Row(dense.kernel.name(), all->shift, dense.kernel.IsDouble()),
      .computed = dense.kernel.size()};
}

std::optional<DensePattern> RowAffine::Then(const DensePattern& dense) const {
  if (dense.kernel.size() == 0) return std::nullopt;
  const std::int64_t inputs = dense.kernel.dims()[0];
  const auto units = static_cast<std::size_t>(dense.kernel.dims()[1]);
  std::optional<Step::Numbers> all = Together(inputs);
  if (!all.has_value()) return std::nullopt;
  std::vector<double> bias(units, 0);
  if (dense.bias.has_value()) {
    const std::vector<double> given = NumbersIn(*dense.bias);
    if (given.size() != 1 && given.size() != units) return std::nullopt;
    for (std::size_t j = 0; j < units; ++j) bias[j] = At(given, j);
  }
  for (std::int64_t i = 0; i < inputs; ++i) {
    const double shift = all->shift[static_cast<std::size_t>(i)];
    if (shift == 0) continue;
    for (std::size_t j = 0; j < units; ++j) {
      bias[j] += shift * dense.kernel.At(i * dense.kernel.dims()[1] + static_cast<std::int64_t>(j));
    }
  }
  return DensePattern{.input = input_,
                      .kernel = dense.kernel.Scaled(all->scale, {}),
                      .bias = Constant::Row(dense.kernel.name(), bias, dense.kernel.IsDouble()),
                      .computed = dense.kernel.size()};
}

}  // namespace descent::exchange
