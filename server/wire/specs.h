// Descriptions of networks, optimizers and models: messages <-> the engine's plain structs.
//
// Decoding checks what only the wire can get wrong: missing messages, unknown enum values, cases of
// a oneof that are not set, fields that contradict each other. Ranges of numbers are checked by the
// engine (Network::Create, ValidateOptimizerSpec), once for every way in.
//
// Errors are kInvalidArgument whose field is relative to the message: "layers[2].dense.units".
// Reasons: REQUIRED_FIELD, UNKNOWN_ENUM_VALUE, CONTRADICTORY_FIELDS, OUTPUT_ONLY_FIELD,
// INVALID_NAME, INVALID_FIELD.

#ifndef SERVER_WIRE_SPECS_H_
#define SERVER_WIRE_SPECS_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/spec.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network.pb.h"
#include "server/models/commands.h"

namespace descent::wire {

absl::StatusOr<NetworkSpec> DecodeNetworkSpec(const v1::NetworkSpec& message);
void EncodeNetworkSpec(const NetworkSpec& spec, v1::NetworkSpec* message);

absl::StatusOr<OptimizerSpec> DecodeOptimizerSpec(const v1::OptimizerSpec& message);
// Says every hyperparameter, defaults included.
void EncodeOptimizerSpec(const OptimizerSpec& spec, v1::OptimizerSpec* message);

// Unspecified: kJournal.
absl::StatusOr<models::Durability> DecodeDurability(std::string_view field, v1::Durability value);

// At most 2 MiB.
absl::StatusOr<store::SharedText> DecodeClientData(const std::string& text);

// At most 64 labels, keys of 1 to 63 bytes, values of at most 32 KiB together.
absl::StatusOr<std::map<std::string, std::string>> DecodeLabels(
    const google::protobuf::Map<std::string, std::string>& labels);

// INVALID_ARGUMENT (OUTPUT_ONLY_FIELD) if one is set.
absl::Status CheckOutputOnlyFields(const v1::Model& message);

// A model to be made: output-only fields must not be set.
absl::StatusOr<models::ModelSettings> DecodeModelSettings(const v1::Model& message);
void EncodeModel(const models::ModelInfo& info, v1::Model* message);

// `[a-z]([a-z0-9._-]{0,62})`, or else kInvalidArgument (INVALID_NAME).
absl::Status CheckModelName(std::string_view field, std::string_view name);

}  // namespace descent::wire

#endif  // SERVER_WIRE_SPECS_H_
