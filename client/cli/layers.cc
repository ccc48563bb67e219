#include "client/cli/layers.h"

#include <cstddef>

namespace descent::cli {
namespace {

using RepeatedLayers = google::protobuf::RepeatedPtrField<v1::Layer>;

void AddDense(int64_t units, const v1::Initializer& initializer, const v1::Activation* activation,
              RepeatedLayers* layers) {
  v1::DenseLayer& dense = *layers->Add()->mutable_dense();
  dense.set_units(units);
  *dense.mutable_kernel_initializer() = initializer;
  *dense.mutable_bias_initializer() = initializer;
  if (activation != nullptr) *dense.mutable_activation() = *activation;
}

void AppendInOrder(const RepeatedLayers& layers, std::vector<const v1::Layer*>* in_order) {
  for (const v1::Layer& layer : layers) {
    if (layer.has_residual()) AppendInOrder(layer.residual().layers(), in_order);
    in_order->push_back(&layer);
  }
}

}  // namespace

void AddLayers(const HiddenLayers& hidden, int64_t outputs, const v1::Initializer& initializer,
               v1::NetworkSpec* network) {
  for (size_t i = 0; i < hidden.units.size(); ++i) {
    const int64_t units = hidden.units[i];
    const bool first = i == 0;
    const int64_t width = first ? network->input_features() : hidden.units[i - 1];
    RepeatedLayers* const layers = hidden.residual && !first && units == width
                                       ? network->add_layers()->mutable_residual()->mutable_layers()
                                       : network->mutable_layers();
    if (hidden.layer_norm && !first) layers->Add()->mutable_layer_norm();
    AddDense(units, initializer, &hidden.activation, layers);
    if (hidden.dropout.has_value()) layers->Add()->mutable_dropout()->set_rate(*hidden.dropout);
  }
  if (hidden.layer_norm && !hidden.units.empty()) network->add_layers()->mutable_layer_norm();
  AddDense(outputs, initializer, /*activation=*/nullptr, network->mutable_layers());
}

std::vector<const v1::Layer*> LayersInOrder(const v1::NetworkSpec& network) {
  std::vector<const v1::Layer*> in_order;
  AppendInOrder(network.layers(), &in_order);
  return in_order;
}

std::vector<const v1::DenseLayer*> DenseLayers(const v1::NetworkSpec& network) {
  std::vector<const v1::DenseLayer*> dense;
  for (const v1::Layer* layer : LayersInOrder(network)) {
    if (layer->has_dense()) dense.push_back(&layer->dense());
  }
  return dense;
}

}  // namespace descent::cli
