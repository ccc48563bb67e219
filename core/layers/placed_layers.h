// A network's layers in the order in which a pass runs them, and where each finds what it works on.

#ifndef CORE_LAYERS_PLACED_LAYERS_H_
#define CORE_LAYERS_PLACED_LAYERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/embeddings/tables.h"
#include "core/initializers/initializer.h"
#include "core/layers/layer.h"
#include "core/parameter_layout.h"
#include "core/spec.h"

namespace descent {

// Layers of layers may be nested so deep, which bounds how many outputs are added to one.
inline constexpr int kMaxNesting = 16;

struct PlacedLayer {
  std::string name;  // "layers.0", of a layer within another "layers.0.layers.1"
  std::unique_ptr<const Layer> layer;
  int source = -1;  // the layer whose outputs it reads; -1: the network's inputs
  int branch = -1;  // the last of its own layers, for kinds that have any
  // Layers that add what this one reads to their own outputs, innermost first: their gradients join
  // the one that this layer sends down.
  std::vector<int> skips;

  // What the layer says of itself, asked once: a pass over a small network takes a microsecond.
  std::int64_t units = 0;
  bool keeps = false;              // in passes that are not of training
  bool keeps_in_training = false;  // and in those that are
  bool keeps_rows = false;
  bool has_pre_activation = false;
  bool derivative_needs_pre_activation = false;
  const Activation* activation = nullptr;  // null: none, or the identity

  bool Keeps(bool training) const { return training ? keeps_in_training : keeps; }
};

// All layers, those of a layer before the layer itself; what they learn and how that begins.
struct PlacedLayers {
  std::vector<PlacedLayer> layers;
  ParameterLayout layout;
  struct Initial {
    InitializerSpec initializer;
    InitializerContext context;
  };
  std::vector<Initial> initials;    // one a parameter of the layout
  std::vector<PlacedTable> tables;  // one a categorical input
  std::int64_t first_width = 0;  // what the first layer reads: numeric inputs and blocks of tables
};

// kInvalidArgument naming the field, relative to the spec: "layers[2].residual.layers[0].dense".
absl::StatusOr<PlacedLayers> PlaceLayers(const NetworkSpec& spec);

}  // namespace descent

#endif  // CORE_LAYERS_PLACED_LAYERS_H_
