#include "server/services/answer_size.h"

#include <cstdint>

#include "core/layers/kinds.h"
#include "server/models/work/cost.h"

namespace descent::services {
namespace {

// What an answer takes beside its tensors, a tensor beside its values, and a layer's description.
constexpr std::size_t kAnswerBytes = 256;
constexpr std::size_t kTensorBytes = 64;
constexpr std::size_t kLayerBytes = 96;

std::size_t ValuesBytes(std::int64_t values, const Network& network) {
  return static_cast<std::size_t>(values) * ByteWidth(network.data_type());
}

std::size_t ParametersBytes(const std::vector<int>& parameters, const Network& network) {
  const auto all = network.layout().parameters();
  std::size_t bytes = 0;
  const auto add = [&](const ParameterInfo& parameter) {
    bytes += kTensorBytes + ValuesBytes(parameter.size, network);
  };
  for (const int index : parameters) add(all[static_cast<std::size_t>(index)]);
  if (parameters.empty()) {
    for (const ParameterInfo& parameter : all) add(parameter);
  }
  return bytes;
}

std::size_t NetworkBytes(const NetworkSpec& spec) {
  std::size_t bytes = kAnswerBytes;
  ForEachLayer(spec.layers, [&bytes](const LayerSpec& /*layer*/) { bytes += kLayerBytes; });
  for (const CategoricalInputSpec& input : spec.categorical_inputs) {
    bytes += kLayerBytes + input.name.size();
  }
  return bytes;
}

}  // namespace

std::size_t AnswerBytes(const models::PredictCommand& command, const Network& network) {
  return kAnswerBytes + ValuesBytes(command.inputs.rows() * network.outputs(), network);
}

std::size_t AnswerBytes(const models::ForwardCommand& command, const Network& network) {
  std::int64_t units = network.outputs();  // the last layer's come twice
  for (const PlacedLayer& layer : network.layers()) units += 2 * layer.units;
  return kAnswerBytes + 2 * kTensorBytes * network.layers().size() +
         ValuesBytes(command.inputs.rows() * units, network);
}

std::size_t AnswerBytes(const models::GradientCommand& command, const Network& network) {
  std::size_t bytes = kAnswerBytes;
  if (command.input_gradient) {
    bytes += ValuesBytes(command.inputs.rows() * network.input_features(), network);
  }
  const std::size_t count =
      command.parameters.empty() ? network.layout().parameters().size() : command.parameters.size();
  if (command.norms_only) return bytes + 2 * kTensorBytes * count;
  double numbers = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int parameter = command.parameters.empty() ? static_cast<int>(i) : command.parameters[i];
    numbers += models::GradientNumbers(network, parameter, command.categories);
  }
  return bytes + count * kTensorBytes + ValuesBytes(static_cast<std::int64_t>(numbers), network);
}

std::size_t AnswerBytes(const std::vector<int>& parameters, const Network& network) {
  return kAnswerBytes + ParametersBytes(parameters, network);
}

std::size_t DescriptionBytes(const models::ModelSettings& settings) {
  std::size_t bytes = NetworkBytes(settings.network);
  for (const auto& [key, value] : settings.labels) bytes += key.size() + value.size() + 8;
  return bytes;
}

std::size_t AnswerBytes(const models::UpdateModelCommand& command, const Network& network) {
  std::size_t bytes = NetworkBytes(network.spec());
  if (command.labels.has_value()) {
    for (const auto& [key, value] : *command.labels) bytes += key.size() + value.size() + 8;
  }
  return bytes;
}

std::size_t AnswerBytes(const models::RestoreCheckpointCommand& /*command*/,
                        const Network& network) {
  return NetworkBytes(network.spec());
}

}  // namespace descent::services
