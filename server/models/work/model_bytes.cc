#include "server/models/work/model_bytes.h"

#include <string>

#include "core/layers/kinds.h"
#include "core/optimizers/kinds.h"
#include "core/status_macros.h"

namespace descent::models {
namespace {

// Queues, tables and the allocator's overhead of an idle model, and its place in the store.
constexpr std::size_t kIdleModelBytes = 8 << 10;

// The spec is held by the network, by what updates change and by what readers see of it.
constexpr std::size_t kSettingsCopies = 3;

// Of each layer besides: two parameters with name and shape and their offsets, an activation, an
// update's ranges, the heads of the matrices of a pass and the layer's line in the store's JSON.
// Vectors that have grown hold up to twice what is in them.
constexpr std::size_t kLayerBytes = 1200;

// What an entry of a map of strings takes besides long texts.
constexpr std::size_t kMapEntryBytes = 128;

// Short strings lie in their string.
std::size_t TextBytes(const std::string& text) {
  return text.capacity() < sizeof(std::string) / 2 ? 0 : text.capacity() + 1;
}

}  // namespace

std::size_t SpecBytes(const NetworkSpec& spec) {
  std::size_t bytes = sizeof(NetworkSpec) + spec.layers.capacity() * sizeof(LayerSpec);
  // Those within others too, as if each lay in a vector that has grown to twice what is in it.
  std::size_t layers = 0;
  ForEachLayer(spec.layers, [&layers](const LayerSpec& /*layer*/) { ++layers; });
  bytes += 2 * (layers - spec.layers.size()) * sizeof(LayerSpec);
  bytes += spec.categorical_inputs.capacity() * sizeof(CategoricalInputSpec);
  for (const CategoricalInputSpec& input : spec.categorical_inputs) bytes += TextBytes(input.name);
  return bytes;
}

std::size_t StatisticsBytes(const Network& network) {
  if (!network.normalizes_inputs()) return 0;
  return kParameterCopies * 2 * sizeof(double) * static_cast<std::size_t>(network.input_features());
}

std::size_t SettingsBytes(const store::ModelSettings& settings) {
  std::size_t bytes = sizeof settings + TextBytes(settings.name) + SpecBytes(settings.network);
  for (const auto& [name, value] : settings.labels) {
    bytes += kMapEntryBytes + TextBytes(name) + TextBytes(value);
  }
  return bytes;
}

absl::StatusOr<std::size_t> EstimateModelBytes(const Network& network,
                                               const store::ModelSettings& settings) {
  ASSIGN_OR_RETURN(const auto algorithm, MakeOptimizer(settings.optimizer.algorithm));
  const std::size_t copy =
      static_cast<std::size_t>(network.layout().size()) * ByteWidth(network.data_type());
  return kIdleModelBytes + kSettingsCopies * SettingsBytes(settings) +
         settings.client_data.text().size() +
         (network.layers().size() + network.tables().size()) * kLayerBytes +
         (kParameterCopies + algorithm->slot_names().size()) * copy + StatisticsBytes(network);
}

}  // namespace descent::models
