// Layers, the normalisation and the tables before them and the output transform after them as ONNX
// operators.

#ifndef SERVER_EXCHANGE_ONNX_LAYER_NODES_H_
#define SERVER_EXCHANGE_ONNX_LAYER_NODES_H_

#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/input_statistics.h"
#include "core/parameter_layout.h"
#include "core/spec.h"
#include "server/exchange/onnx/node_writer.h"

namespace descent::exchange {

// The parameters' values, by name.
struct WrittenParameters {
  const ParameterLayout& layout;
  const Buffer& values;
};

// Each function adds nodes that read the value `x` and gives back the name of what they compute.

// The layers one after the other, whose parameters are called `prefix`.0 and so on.
std::string WriteLayers(const std::vector<LayerSpec>& layers, const std::string& prefix,
                        const WrittenParameters& parameters, const std::string& x,
                        NodeWriter* writer);

// (x - mean) / √(variance + ε) in double, as the engine does, from what the statistics are made of.
std::string WriteNormalization(const InputNormalizationSpec& spec,
                               const InputStatistics& statistics, const std::string& x,
                               NodeWriter* writer);

// Looks up each categorical input, a value of its name, in its table, and puts the rows beside `x`,
// "" where there are no numbers.
std::string WriteLookups(const std::vector<CategoricalInputSpec>& inputs,
                         const WrittenParameters& parameters, const std::string& x,
                         NodeWriter* writer);

// What makes outputs the targets' terms; nothing for most losses.
std::string WriteOutputTransform(const LossSpec& loss, const std::string& x, NodeWriter* writer);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_LAYER_NODES_H_
