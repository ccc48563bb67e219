#include "server/exchange/onnx/network_of_graph.h"

#include <array>
#include <charconv>
#include <iterator>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/first_inputs.h"
#include "server/exchange/onnx/graph_layers.h"
#include "server/exchange/onnx/graph_outputs.h"
#include "server/exchange/onnx/input_normalization.h"

namespace descent::exchange {
namespace {

// Features of a row as the graph's input declares them: all dimensions but the first. Unset where
// it does not say.
absl::StatusOr<std::optional<std::int64_t>> DeclaredFeatures(const Graph& graph) {
  const onnx::TypeProto& type = graph.input()->type();
  if (graph.input()->has_type() && !type.has_tensor_type()) {
    return Unsupported("graph.input", "expected a tensor");
  }
  const onnx::TensorShapeProto& shape = type.tensor_type().shape();
  if (shape.dim_size() < 2) return std::optional<std::int64_t>();
  std::int64_t features = 1;
  for (int i = 1; i < shape.dim_size(); ++i) {
    if (!shape.dim(i).has_dim_value()) return std::optional<std::int64_t>();
    const std::int64_t dim = shape.dim(i).dim_value();
    if (dim < 1 || __builtin_mul_overflow(features, dim, &features)) {
      return Malformed("graph.input", absl::StrCat("expected dimensions of at least 1, got ", dim));
    }
  }
  return std::optional(features);
}

// Columns of numbers, which blocks of tables are beside.
absl::StatusOr<std::int64_t> FeaturesOf(const Graph& graph, const GraphLayers& layers,
                                        const FirstInputs& first) {
  if (layers.inputs.has_value() &&
      (first.numeric.empty() ? *layers.inputs != first.block_columns
                             : *layers.inputs <= first.block_columns && first.join != nullptr)) {
    return Malformed("graph.input",
                     absl::StrCat("tables have rows of ", first.block_columns,
                                  " together, but the first layer reads ", *layers.inputs));
  }
  if (first.numeric.empty()) return 0;
  std::optional<std::int64_t> read = layers.inputs;
  if (read.has_value()) *read -= first.block_columns;
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> declared, DeclaredFeatures(graph));
  if (!declared.has_value() && !read.has_value()) {
    return Unsupported("graph.input", "neither its shape nor a layer says how many features");
  }
  if (declared.has_value() && read.has_value() && *declared != *read) {
    return Malformed("graph.input", absl::StrCat("has ", *declared,
                                                 " features, but the first layer reads ", *read));
  }
  const std::int64_t features = declared.value_or(read.value_or(0));
  RETURN_IF_ERROR(graph.CheckWidth(graph.input()->name(), features));
  return features;
}

// That of the parameters, which have to agree; of networks without any that of the input.
absl::StatusOr<DataType> ElementTypeOf(const Graph& graph,
                                       const std::vector<Constant>& parameters) {
  if (parameters.empty()) {
    const bool is_double =
        graph.input()->type().tensor_type().elem_type() == onnx::TensorProto::DOUBLE;
    return is_double ? DataType::kFloat64 : DataType::kFloat32;
  }
  const bool is_double = parameters[0].IsDouble();
  for (const Constant& parameter : parameters) {
    if (parameter.IsDouble() == is_double) continue;
    return Unsupported(absl::StrCat("initializer ", Shown(parameter.name())),
                       absl::StrCat("expected parameters of one type, got float32 and float64: ",
                                    Shown(parameters[0].name()), " is of the other"));
  }
  return is_double ? DataType::kFloat64 : DataType::kFloat32;
}

// The number that was meant where a float was written: 1e-5 and not 9.99999974737875e-06. As a
// float it is the same.
double Meant(double value) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.begin(), text.end(), static_cast<float>(value));
  std::from_chars(text.begin(), end.ptr, value);
  return value;
}

void TakeMeantNumbers(std::vector<LayerSpec>* layers) {
  for (LayerSpec& layer : *layers) {
    if (auto* const dense = std::get_if<DenseSpec>(&layer)) {
      auto* const leaky = std::get_if<LeakyReluActivation>(&dense->activation);
      if (leaky != nullptr) leaky->alpha = Meant(leaky->alpha);
      auto* const elu = std::get_if<EluActivation>(&dense->activation);
      if (elu != nullptr) elu->alpha = Meant(elu->alpha);
    } else if (auto* const norm = std::get_if<LayerNormSpec>(&layer)) {
      norm->epsilon = Meant(norm->epsilon);
    } else if (auto* const residual = std::get_if<ResidualSpec>(&layer)) {
      TakeMeantNumbers(&residual->layers);
    }
  }
}

// Networks read their numbers first and then the tables' blocks. Where a graph has blocks before
// the numbers, the weights that a dense layer has for them change places.
absl::Status PutNumbersFirst(const FirstInputs& first, std::int64_t features,
                             std::vector<GraphLayer>* layers) {
  if (first.columns_before == 0) return absl::OkStatus();
  if (layers->empty() || !std::holds_alternative<DenseSpec>(layers->front().spec)) {
    return RefuseNode(*first.join,
                      "joins rows of tables and then the numeric input: expected that first, or a "
                      "dense layer as the first one");
  }
  Constant& kernel = layers->front().parameters[0];
  kernel = kernel.WithRowsFirst(first.columns_before, features);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GraphNetwork> ReadNetwork(const Graph& graph, const std::optional<LossSpec>& loss,
                                         std::optional<std::int64_t> rows) {
  ASSIGN_OR_RETURN(const GraphEnd end, FindEnd(graph, loss));
  ASSIGN_OR_RETURN(GraphLayers read, ReadLayers(graph, end.value));
  ASSIGN_OR_RETURN(FirstInputs first, ReadFirstInputs(graph, read.input));
  GraphNetwork network;
  network.spec.loss = end.loss;
  ASSIGN_OR_RETURN(network.spec.input_features, FeaturesOf(graph, read, first));
  RETURN_IF_ERROR(graph.CheckWidth(read.input, network.spec.input_features + first.block_columns));
  for (const FirstInputs::Width& width : first.widths) {
    const std::int64_t numbers = width.has_numbers ? network.spec.input_features : 0;
    RETURN_IF_ERROR(graph.CheckWidth(width.value, numbers + width.block_columns));
  }
  if (!first.numeric.empty()) {
    ASSIGN_OR_RETURN(std::optional<GraphNormalization> normalization,
                     ReadNormalization(graph, first.numeric, network.spec.input_features, rows));
    if (normalization.has_value()) {
      network.spec.input_normalization = normalization->spec;
      network.statistics = std::move(normalization->statistics);
    }
  }
  RETURN_IF_ERROR(PutNumbersFirst(first, network.spec.input_features, &read.layers));
  // What changes nothing is what was dropped out in training.
  if (read.layers.empty()) network.spec.layers.emplace_back(DropoutSpec{});
  for (GraphLayer& layer : read.layers) {
    network.spec.layers.push_back(std::move(layer.spec));
    std::move(layer.parameters.begin(), layer.parameters.end(),
              std::back_inserter(network.parameters));
  }
  for (GraphCategory& category : first.categories) {
    network.spec.categorical_inputs.push_back(std::move(category.spec));
    network.has_several_ids.push_back(category.has_several_ids);
    network.parameters.push_back(std::move(category.table));
  }
  ASSIGN_OR_RETURN(network.spec.data_type, ElementTypeOf(graph, network.parameters));
  if (network.spec.data_type == DataType::kFloat32) TakeMeantNumbers(&network.spec.layers);
  return network;
}

}  // namespace descent::exchange
