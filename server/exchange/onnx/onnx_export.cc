#include "server/exchange/onnx/onnx_export.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/metadata_keys.h"
#include "server/exchange/onnx/graph_terms.h"
#include "server/exchange/onnx/layer_nodes.h"
#include "server/exchange/onnx/node_writer.h"

namespace descent::exchange {
namespace {

constexpr std::int64_t kIrVersion = 7;
constexpr std::int64_t kOperatorVersion = 13;
// Of one message of Protobuf, less room for all that is no parameter.
constexpr std::size_t kMostParameterBytes = (std::size_t{1} << 31) - (std::size_t{1} << 26);

onnx::TypeProto::Tensor* SetRows(const std::string& name, onnx::TensorProto::DataType type,
                                 onnx::ValueInfoProto* value) {
  value->set_name(name);
  onnx::TypeProto::Tensor* const tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape()->add_dim()->set_dim_param(kBatchName);
  return tensor;
}

void SetMatrix(const char* name, DataType type, std::int64_t width, onnx::ValueInfoProto* value) {
  SetRows(name, OnnxTypeOf(type), value)->mutable_shape()->add_dim()->set_dim_value(width);
}

// Ids that are hashed elsewhere than in the graph would be others to who runs it.
absl::Status CheckCategories(const std::vector<CategoricalInputSpec>& inputs) {
  for (const CategoricalInputSpec& input : inputs) {
    if (input.hashing == Hashing::kNone) continue;
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_IN_FORMAT",
                 absl::StrCat("the categorical input \"", input.name,
                              "\" hashes its ids by XXH64, which no operator of ONNX does; "
                              "safetensors has the model"),
                 {{"categorical_input", input.name}});
  }
  return absl::OkStatus();
}

// One statistics object for both what is written and what is counted.
std::shared_ptr<const InputStatistics> StatisticsOf(const ExportedModel& model) {
  if (model.state.parameters.statistics() != nullptr) return model.state.parameters.statistics();
  return std::make_shared<InputStatistics>(model.network.input_features());
}

}  // namespace

absl::StatusOr<std::string> WriteOnnx(const ExportedModel& model) {
  const Network& network = model.network;
  const Buffer& parameters = model.state.parameters.parameters();
  if (parameters.byte_size() > kMostParameterBytes) {
    return Error(absl::StatusCode::kFailedPrecondition, "MODEL_TOO_LARGE",
                 absl::StrCat("an ONNX file holds at most ", kMostParameterBytes,
                              " bytes of parameters; the model has ", parameters.byte_size()));
  }
  const NetworkSpec& spec = network.spec();
  RETURN_IF_ERROR(CheckCategories(spec.categorical_inputs));
  onnx::ModelProto file;
  file.set_ir_version(kIrVersion);
  file.set_producer_name("descent");
  file.add_opset_import()->set_domain("");
  file.mutable_opset_import(0)->set_version(kOperatorVersion);

  onnx::GraphProto* const graph = file.mutable_graph();
  graph->set_name("network");
  const bool has_categories = !spec.categorical_inputs.empty();
  const char* const input_name = has_categories ? kInputNameBesideCategories : kInputName;
  const char* const output_name = has_categories ? kOutputNameBesideCategories : kOutputName;
  if (spec.input_features > 0) {
    SetMatrix(input_name, spec.data_type, spec.input_features, graph->add_input());
  }
  for (const CategoricalInputSpec& input : spec.categorical_inputs) {
    SetRows(input.name, onnx::TensorProto::INT64, graph->add_input());
  }
  SetMatrix(output_name, spec.data_type, network.outputs(), graph->add_output());
  NodeWriter writer(spec.data_type, graph);
  FileMetadata metadata = model.metadata;
  std::string value = spec.input_features > 0 ? input_name : "";
  if (spec.input_normalization.has_value()) {
    const std::shared_ptr<const InputStatistics> statistics = StatisticsOf(model);
    value = WriteNormalization(*spec.input_normalization, *statistics, value, &writer);
    metadata[kInputRowsKey] = absl::StrCat(statistics->rows());
  }
  const WrittenParameters written{network.layout(), parameters};
  value = WriteLookups(spec.categorical_inputs, written, value, &writer);
  value = WriteLayers(spec.layers, "layers", written, value, &writer);
  writer.Finish(WriteOutputTransform(spec.loss, value, &writer), output_name);
  for (const auto& [key, text] : metadata) {
    onnx::StringStringEntryProto* const entry = file.add_metadata_props();
    entry->set_key(key);
    entry->set_value(text);
  }
  return file.SerializeAsString();
}

}  // namespace descent::exchange
