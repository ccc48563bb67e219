#include "server/exchange/onnx/onnx_export.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
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

void SetMatrix(const char* name, DataType type, std::int64_t width, onnx::ValueInfoProto* value) {
  value->set_name(name);
  onnx::TypeProto::Tensor* const tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(OnnxTypeOf(type));
  tensor->mutable_shape()->add_dim()->set_dim_param(kBatchName);
  tensor->mutable_shape()->add_dim()->set_dim_value(width);
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
  onnx::ModelProto file;
  file.set_ir_version(kIrVersion);
  file.set_producer_name("descent");
  file.add_opset_import()->set_domain("");
  file.mutable_opset_import(0)->set_version(kOperatorVersion);

  const NetworkSpec& spec = network.spec();
  onnx::GraphProto* const graph = file.mutable_graph();
  graph->set_name("network");
  SetMatrix(kInputName, spec.data_type, spec.input_features, graph->add_input());
  SetMatrix(kOutputName, spec.data_type, network.outputs(), graph->add_output());
  NodeWriter writer(spec.data_type, graph);
  FileMetadata metadata = model.metadata;
  std::string value = kInputName;
  if (spec.input_normalization.has_value()) {
    const std::shared_ptr<const InputStatistics> statistics = StatisticsOf(model);
    value = WriteNormalization(*spec.input_normalization, *statistics, value, &writer);
    metadata[kInputRowsKey] = absl::StrCat(statistics->rows());
  }
  const WrittenParameters written{network.layout(), parameters};
  value = WriteLayers(spec.layers, "layers", written, value, &writer);
  writer.Finish(WriteOutputTransform(spec.loss, value, &writer), kOutputName);
  for (const auto& [key, text] : metadata) {
    onnx::StringStringEntryProto* const entry = file.add_metadata_props();
    entry->set_key(key);
    entry->set_value(text);
  }
  return file.SerializeAsString();
}

}  // namespace descent::exchange
