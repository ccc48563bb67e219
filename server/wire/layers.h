// Layers and categorical inputs <-> their messages.

#ifndef SERVER_WIRE_LAYERS_H_
#define SERVER_WIRE_LAYERS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/spec.h"
#include "descent/v1/network.pb.h"

namespace descent::wire {

using LayerMessages = google::protobuf::RepeatedPtrField<v1::Layer>;

// Errors name the field, "layers[2].dense.activation.kind". What a network may not have is for
// Network::Create to say.
absl::StatusOr<std::vector<LayerSpec>> DecodeLayers(const LayerMessages& messages);
void EncodeLayers(const std::vector<LayerSpec>& specs, LayerMessages* messages);

using CategoricalInputMessages = google::protobuf::RepeatedPtrField<v1::CategoricalInput>;

// The inputs of categories, in the same way.
absl::StatusOr<std::vector<CategoricalInputSpec>> DecodeCategoricalInputs(
    const CategoricalInputMessages& messages);
void EncodeCategoricalInputs(const std::vector<CategoricalInputSpec>& specs,
                             CategoricalInputMessages* messages);

}  // namespace descent::wire

#endif  // SERVER_WIRE_LAYERS_H_
