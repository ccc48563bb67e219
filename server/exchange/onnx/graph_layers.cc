#include "server/exchange/onnx/graph_layers.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/layers/placed_layers.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/elementwise.h"
#include "server/exchange/onnx/layer_patterns.h"
#include "server/exchange/onnx/refusal.h"
#include "server/exchange/onnx/row_affine.h"

namespace descent::exchange {
namespace {

// Reads one chain of layers from its end; `begin` is where it has to begin, "" for the network's
// own, which begins where there are no more layers.
class ChainReader {
 public:
  // `computing` is what is left of the numbers that may be computed with, of all chains.
  ChainReader(const Graph& graph, std::int64_t& computing) : graph_(graph), computing_(computing) {}
  // Of a residual, whose branches `sum` adds.
  ChainReader(const ChainReader& outer, absl::string_view begin, const GraphNode* sum)
      : graph_(outer.graph_),
        computing_(outer.computing_),
        begin_(begin),
        sum_(sum),
        depth_(outer.depth_ + 1) {}

  absl::StatusOr<GraphLayers> Read(absl::string_view end) && {
    value_ = graph_.Resolve(end);
    while (value_ != begin_ && !graph_.IsInput(value_)) {
      ASSIGN_OR_RETURN(const bool is_layer, ReadLayer());
      if (!is_layer) break;
    }
    if (!begin_.empty() && value_ != begin_) return RefuseBranch();
    result_.input = value_;
    result_.inputs = width_;
    std::ranges::reverse(result_.layers);
    return std::move(result_);
  }

 private:
  // Takes the layer that makes value_ and goes on at what it reads. False: no layer makes it.
  absl::StatusOr<bool> ReadLayer() {
    if (graph_.MakerOf(value_) == nullptr || graph_.PlaceOf(value_) < graph_.PlaceOf(begin_)) {
      return false;
    }
    if (const auto dense = FindDense(graph_, value_); dense.has_value()) {
      return TakeDense(*dense, IdentityActivation{}, value_);
    }
    if (const auto norm = FindLayerNorm(graph_, value_); norm.has_value()) return TakeNorm(*norm);
    const auto activation = FindActivation(
        graph_, value_, [&](absl::string_view source) { return MayBeDense(graph_, source); });
    if (activation.has_value()) {
      const auto dense = FindDense(graph_, activation->source);
      if (dense.has_value()) return TakeDense(*dense, activation->spec, activation->source);
    }
    const GraphNode& node = *graph_.MakerOf(value_);
    RETURN_IF_ERROR(CheckOperator(node));
    if (node.op() == "Add" && node.inputs() == 2 && graph_.ConstantOf(node.input(0)) == nullptr &&
        graph_.ConstantOf(node.input(1)) == nullptr) {
      return TakeResidual(node);
    }
    return TakeAffine();
  }

  // What the dense layer after it reads scaled and shifted becomes a part of that layer. Not the
  // network's inputs, which input normalisation scales and shifts.
  absl::StatusOr<bool> TakeAffine() {
    const RowAffine affine = RowAffine::Before(graph_, value_);
    if (affine.IsIdentity() || graph_.IsInput(affine.input()) || result_.layers.empty() ||
        graph_.PlaceOf(affine.input()) < graph_.PlaceOf(begin_)) {
      return false;
    }
    GraphLayer& after = result_.layers.back();
    auto* const spec = std::get_if<DenseSpec>(&after.spec);
    if (spec == nullptr) return false;
    DensePattern dense{.input = value_, .kernel = after.parameters[0], .bias = {}};
    if (!spec->omit_bias) dense.bias = after.parameters[1];
    const std::optional<DensePattern> folded = affine.Then(dense);
    if (!folded.has_value()) return false;
    RETURN_IF_ERROR(TakeComputing(*graph_.MakerOf(value_), *folded));
    spec->omit_bias = false;
    after.parameters = {folded->kernel};
    if (folded->bias.has_value()) after.parameters.push_back(*folded->bias);
    value_ = folded->input;
    return true;
  }

  // One initialiser can be named by many layers, and would be computed with as often.
  absl::Status TakeComputing(const GraphNode& node, const DensePattern& dense) {
    computing_ -= dense.computed;
    if (computing_ >= 0) return absl::OkStatus();
    return RefuseNode(
        node, "scales layers that share initialisers, for more numbers than the file has bytes");
  }

  absl::StatusOr<bool> TakeDense(const DensePattern& dense, const ActivationSpec& activation,
                                 absl::string_view z) {
    const GraphNode& node = *graph_.MakerOf(z);
    const std::int64_t units = dense.kernel.dims()[1];
    RETURN_IF_ERROR(TakeComputing(node, dense));
    RETURN_IF_ERROR(TakeWidths(node, dense.kernel.dims()[0], units));
    RETURN_IF_ERROR(graph_.CheckWidth(z, units));
    GraphLayer layer;
    layer.spec =
        DenseSpec{.units = units, .activation = activation, .omit_bias = !dense.bias.has_value()};
    layer.parameters.push_back(dense.kernel);
    RETURN_IF_ERROR(TakeRow(node, dense.bias, units, &layer));
    return Take(std::move(layer), dense.input);
  }

  absl::StatusOr<bool> TakeNorm(const LayerNormPattern& norm) {
    const GraphNode& node = *graph_.MakerOf(value_);
    // A gain of one number is of all features, unless there is one feature.
    const std::int64_t width = norm.gain.size();
    RETURN_IF_ERROR(TakeWidths(node, width, width));
    GraphLayer layer;
    layer.spec = LayerNormSpec{.epsilon = norm.epsilon, .omit_bias = !norm.bias.has_value()};
    layer.parameters.push_back(norm.gain);
    RETURN_IF_ERROR(TakeRow(node, norm.bias, width, &layer));
    return Take(std::move(layer), norm.input);
  }

  absl::StatusOr<bool> TakeResidual(const GraphNode& node) {
    if (depth_ >= kMaxNesting) {
      return RefuseNode(node, absl::StrCat("is nested deeper than ", kMaxNesting, " residuals"));
    }
    // A graph is in the order of its passes, so what came first is what the other was made of.
    absl::string_view skip = graph_.Resolve(node.input(0));
    absl::string_view branch = graph_.Resolve(node.input(1));
    if (graph_.PlaceOf(skip) > graph_.PlaceOf(branch)) std::swap(skip, branch);
    ASSIGN_OR_RETURN(GraphLayers inner, ChainReader(*this, skip, &node).Read(branch));
    GraphLayer layer;
    ResidualSpec residual;
    for (GraphLayer& each : inner.layers) {
      residual.layers.push_back(std::move(each.spec));
      std::ranges::move(each.parameters, std::back_inserter(layer.parameters));
    }
    if (inner.inputs.has_value() && inner.outputs.has_value()) {
      if (*inner.inputs != *inner.outputs) {
        return RefuseNode(
            node, absl::StrCat("adds rows of ", *inner.outputs, " to rows of ", *inner.inputs));
      }
      RETURN_IF_ERROR(TakeWidths(node, *inner.inputs, *inner.inputs));
    }
    // x + x: what was dropped out in training.
    if (residual.layers.empty()) residual.layers.push_back(DropoutSpec{});
    layer.spec = std::move(residual);
    return Take(std::move(layer), skip);
  }

  absl::StatusOr<bool> Take(GraphLayer&& layer, absl::string_view input) {
    result_.layers.push_back(std::move(layer));
    value_ = input;
    return true;
  }

  // The rows that a layer reads and makes, which the layer after it reads.
  absl::Status TakeWidths(const GraphNode& node, std::int64_t inputs, std::int64_t units) {
    if (width_.has_value() && *width_ != units) {
      return RefuseNode(node, absl::StrCat("makes rows of ", units, ", but rows of ", *width_,
                                           " are read of it"));
    }
    RETURN_IF_ERROR(graph_.CheckWidth(value_, units));
    if (!result_.outputs.has_value()) result_.outputs = units;
    width_ = inputs;
    return absl::OkStatus();
  }

  static absl::Status TakeRow(const GraphNode& node, const std::optional<Constant>& row,
                              std::int64_t units, GraphLayer* layer) {
    if (!row.has_value()) return absl::OkStatus();
    if (row->size() != units && row->size() != 1) {
      return RefuseNode(
          node, absl::StrCat("has a bias of ", row->size(), " numbers for ", units, " units"));
    }
    layer->parameters.push_back(*row);
    return absl::OkStatus();
  }

  absl::Status RefuseBranch() const {
    const GraphNode* const node = graph_.MakerOf(value_);
    if (node == nullptr || graph_.PlaceOf(value_) <= graph_.PlaceOf(begin_)) {
      return RefuseNode(*sum_,
                        "adds values of which neither is made of the other alone; the one way for "
                        "branches to meet is a residual, x + f(x)");
    }
    return RefuseValue(graph_, value_);
  }

  const Graph& graph_;
  std::int64_t& computing_;
  const absl::string_view begin_;
  const GraphNode* const sum_ = nullptr;
  const int depth_ = 0;
  absl::string_view value_;
  std::optional<std::int64_t> width_;  // of rows that are read of value_
  GraphLayers result_;
};

}  // namespace

absl::StatusOr<GraphLayers> ReadLayers(const Graph& graph, absl::string_view end) {
  constexpr std::int64_t kComputingOfAny = std::int64_t{1} << 18;
  std::int64_t computing =
      kComputingOfAny + static_cast<std::int64_t>(graph.proto().ByteSizeLong());
  return ChainReader(graph, computing).Read(end);
}

}  // namespace descent::exchange
