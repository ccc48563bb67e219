// What requests and files say of models that go out and come in as files.

#ifndef SERVER_WIRE_MODEL_FILES_H_
#define SERVER_WIRE_MODEL_FILES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/spec.h"
#include "descent/v1/model_service.pb.h"
#include "server/models/commands.h"

namespace descent::wire {

enum class FileFormat : std::uint8_t { kSafetensors, kOnnx };

struct ExportRequest {
  std::string model;
  FileFormat format = FileFormat::kSafetensors;
  models::ExportModelCommand command;
};

// What is known of a model from a message or a file; what is not is said elsewhere, or a default.
struct PartialModel {
  std::optional<NetworkSpec> network;
  std::optional<OptimizerSpec> optimizer;
  std::optional<models::Durability> durability;
  std::map<std::string, std::string> labels;
  store::SharedText client_data;
};

struct ImportRequest {
  std::string name;
  FileFormat format = FileFormat::kSafetensors;
  PartialModel model;
  // ONNX: where all that was said of the network is its loss.
  std::optional<LossSpec> loss;
};

// The name of the model that a request is about, or an import's first message, known before the
// rest is looked at.
absl::StatusOr<std::string> ModelName(const v1::ExportModelRequest& request);
absl::StatusOr<std::string> ModelName(const v1::ImportModelRequest& first);

absl::StatusOr<ExportRequest> Decode(const v1::ExportModelRequest& request);

// The first message of an import. Errors have the field's path from the message: "start.name".
absl::StatusOr<ImportRequest> DecodeImportStart(const v1::ImportModelRequest& first);
// Any later one, whose chunk is what there is to it.
absl::Status CheckImportChunk(const v1::ImportModelRequest& request);

// A model as files have it: descent.v1.Model as JSON, with network, optimizer, labels and client
// data. The same model gives the same bytes.
std::string FileModelJson(const models::ModelSettings& settings);
// Errors are about the field "file.model". Parsing takes at most about kJsonCost times the text.
inline constexpr std::size_t kJsonCost = 32;
absl::StatusOr<PartialModel> ReadFileModelJson(const std::string& json);

void Encode(const models::ModelInfo& outcome, v1::ImportModelResponse* response);
void EncodeExportChunk(std::string chunk, v1::ExportModelResponse* response);

}  // namespace descent::wire

#endif  // SERVER_WIRE_MODEL_FILES_H_
