#include "server/exchange/onnx/onnx_import.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/network.h"
#include "core/status_macros.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/metadata_keys.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/graph.h"
#include "server/exchange/onnx/graph_terms.h"
#include "server/exchange/onnx/network_of_graph.h"
#include "server/exchange/onnx/parts.h"
#include "server/exchange/onnx/same_network.h"

namespace descent::exchange {
namespace {

// What the operators that are read have meant since.
constexpr std::int64_t kOldestOperators = 7;

absl::Status NoModel() {
  return Malformed("file", "expected an ONNX model, got other bytes, or a part of one");
}

absl::StatusOr<std::unique_ptr<onnx::ModelProto>> ParseModel(absl::string_view file) {
  RETURN_IF_ERROR(PartBytes(file).status());
  auto model = std::make_unique<onnx::ModelProto>();
  if (!model->ParseFromArray(file.data(), static_cast<int>(file.size()))) {
    return NoModel();
  }
  return model;
}

absl::StatusOr<std::int64_t> OperatorVersionOf(const onnx::ModelProto& model) {
  for (const onnx::OperatorSetIdProto& opset : model.opset_import()) {
    if (!opset.domain().empty() && opset.domain() != "ai.onnx") continue;
    if (opset.version() >= kOldestOperators) return opset.version();
    return Malformed("opset_import",
                     absl::StrCat("expected operators of version ", kOldestOperators,
                                  " or later, got ", opset.version()));
  }
  return Malformed("opset_import", "it does not say which operators the graph is written in");
}

FileMetadata MetadataOf(const onnx::ModelProto& model) {
  FileMetadata metadata;
  for (const onnx::StringStringEntryProto& entry : model.metadata_props()) {
    metadata.emplace(entry.key(), entry.value());
  }
  return metadata;
}

// A count in the metadata; unset where there is none.
absl::StatusOr<std::optional<std::int64_t>> CountIn(const FileMetadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::optional<std::int64_t>();
  std::int64_t count = 0;
  // Counts are kept in doubles too.
  if (absl::SimpleAtoi(found->second, &count) && count >= 0 && count <= std::int64_t{1} << 53) {
    return std::optional(count);
  }
  return Malformed(absl::StrCat("metadata_props ", Shown(key)),
                   absl::StrCat("expected a count, got ", Shown(found->second)));
}

// One initialiser can be named by many layers; their parameters are as many all the same.
absl::Status CheckTotal(const GraphNetwork& network, const Network& made, std::size_t file_bytes) {
  const std::size_t bytes =
      static_cast<std::size_t>(made.layout().size()) * ByteWidth(network.spec.data_type);
  constexpr std::size_t kBytesOfAny = std::size_t{1} << 20;
  if (bytes <= kBytesOfAny + 4 * file_bytes) return absl::OkStatus();
  return Malformed("graph.initializer",
                   absl::StrCat("layers that share initialisers would have ", bytes,
                                " bytes of parameters of their own, from a file of ", file_bytes));
}

absl::StatusOr<Buffer> ParametersOf(const GraphNetwork& network, const Network& made) {
  const ParameterLayout& layout = made.layout();
  Buffer parameters(network.spec.data_type, layout.size());
  std::fill_n(parameters.bytes(), parameters.byte_size(), std::byte{0});
  if (layout.parameters().size() != network.parameters.size()) {
    return absl::InternalError("a graph's layers have other parameters than their network");
  }
  absl::Status status;
  WithElementType(network.spec.data_type, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < network.parameters.size(); ++i) {
      const ParameterInfo& info = layout.parameters()[i];
      const Constant& constant = network.parameters[i];
      T* const to = parameters.data<T>() + info.offset;
      if (constant.size() == info.size) {
        constant.Read(to);
      } else if (constant.size() == 1) {
        std::fill_n(to, info.size, static_cast<T>(constant.At(0)));
      } else {
        status = absl::InternalError("a graph's parameter has another size than its network's");
        return;
      }
    }
  });
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(CheckFinite(layout, parameters));
  return parameters;
}

// Of what the graph combines.
bool CombineTheSame(const GraphNetwork& network, const NetworkSpec& wanted) {
  for (std::size_t i = 0; i < network.has_several_ids.size(); ++i) {
    if (network.has_several_ids[i] &&
        network.spec.categorical_inputs[i].combiner != wanted.categorical_inputs[i].combiner) {
      return false;
    }
  }
  return true;
}

// The network as the graph has it, or as it is described where that predicts the same.
absl::StatusOr<GraphNetwork> ReadAsHinted(const Graph& graph, const OnnxHints& hints,
                                          std::optional<std::int64_t> rows) {
  const NetworkSpec* const wanted = hints.network.has_value()     ? &*hints.network
                                    : hints.described.has_value() ? &*hints.described
                                                                  : nullptr;
  if (wanted == nullptr) return ReadNetwork(graph, hints.loss, rows);
  absl::StatusOr<GraphNetwork> network = ReadNetwork(graph, wanted->loss, rows);
  if (network.ok() && PredictTheSame(network->spec, *wanted) && CombineTheSame(*network, *wanted)) {
    network->spec = *wanted;
    return network;
  }
  if (!hints.network.has_value()) return ReadNetwork(graph, hints.loss, rows);
  RETURN_IF_ERROR(network.status());
  return InvalidFile(
      "FILE_MISMATCH",
      "the graph predicts something else than the network that was given: other "
      "layers, widths, activations, element type, normalisation of inputs or categorical "
      "inputs");
}

}  // namespace

absl::StatusOr<ImportedModel> ReadOnnx(absl::string_view file, const OnnxHints& hints) {
  ASSIGN_OR_RETURN(const std::unique_ptr<onnx::ModelProto> model, ParseModel(file));
  if (!model->has_graph()) return Malformed("graph", "the model has none");
  if (model->functions_size() > 0) return Malformed("functions", "functions are not read");
  ASSIGN_OR_RETURN(const std::int64_t opset, OperatorVersionOf(*model));
  ASSIGN_OR_RETURN(const std::unique_ptr<const Graph> graph, Graph::Read(model->graph(), opset));

  ImportedModel imported;
  imported.metadata = MetadataOf(*model);
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> step, CountIn(imported.metadata, kStepKey));
  imported.step = step.value_or(0);
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> rows,
                   CountIn(imported.metadata, kInputRowsKey));
  ASSIGN_OR_RETURN(GraphNetwork network, ReadAsHinted(*graph, hints, rows));
  absl::StatusOr<std::shared_ptr<const Network>> made = Network::Create(network.spec);
  if (!made.ok()) return Unsupported("network", made.status().message());
  RETURN_IF_ERROR(CheckTotal(network, **made, file.size()));
  ASSIGN_OR_RETURN(imported.parameters, ParametersOf(network, **made));
  if (network.statistics != nullptr && !network.statistics->IsFinite()) {
    return InvalidFile("NON_FINITE_VALUE", "the statistics of the inputs are not finite");
  }
  imported.statistics = std::move(network.statistics);
  if (imported.statistics == nullptr && (*made)->normalizes_inputs()) {
    imported.statistics = std::make_shared<InputStatistics>(network.spec.input_features);
  }
  imported.network = std::move(network.spec);
  return imported;
}

absl::StatusOr<FileMetadata> ReadOnnxMetadata(absl::string_view file) {
  RETURN_IF_ERROR(PartBytes(file).status());
  constexpr std::uint32_t kMetadataTag = onnx::ModelProto::kMetadataPropsFieldNumber << 3 | 2;
  FileMetadata metadata;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(file.data()),
                                                static_cast<int>(file.size()));
  while (const std::uint32_t tag = stream.ReadTag()) {
    std::uint32_t length = 0;
    std::string bytes;
    onnx::StringStringEntryProto entry;
    if (tag != kMetadataTag) {
      if (google::protobuf::internal::WireFormatLite::SkipField(&stream, tag)) continue;
      return NoModel();
    }
    if (!stream.ReadVarint32(&length) || !stream.ReadString(&bytes, static_cast<int>(length)) ||
        !entry.ParseFromString(bytes)) {
      return NoModel();
    }
    metadata.emplace(entry.key(), entry.value());
  }
  return metadata;
}

absl::StatusOr<std::int64_t> BytesToReadOnnx(absl::string_view file) {
  ASSIGN_OR_RETURN(const std::int64_t parts, PartBytes(file));
  // The parts as objects, tables of them, and the numbers in the network's type, which may be twice
  // as wide as in the file.
  return 2 * parts + 2 * static_cast<std::int64_t>(file.size());
}

}  // namespace descent::exchange
