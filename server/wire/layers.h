// Layers <-> their messages.

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

}  // namespace descent::wire

#endif  // SERVER_WIRE_LAYERS_H_
