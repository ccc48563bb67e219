// Activations as ONNX operators.

#ifndef SERVER_EXCHANGE_ONNX_ACTIVATION_NODES_H_
#define SERVER_EXCHANGE_ONNX_ACTIVATION_NODES_H_

#include <string>

#include "core/spec.h"
#include "server/exchange/onnx/node_writer.h"

namespace descent::exchange {

// Adds nodes that compute σ of the value `z`, and gives back the name of what they compute.
std::string WriteActivation(const ActivationSpec& activation, const std::string& z,
                            NodeWriter* writer);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_ACTIVATION_NODES_H_
