// The layers of a network as the command line has them: hidden layers of some widths, with what may
// go between them.

#ifndef CLIENT_CLI_LAYERS_H_
#define CLIENT_CLI_LAYERS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "descent/v1/network.pb.h"

namespace descent::cli {

// Each hidden layer is [layer norm, but before the first,] dense [, dropout]; with `residual`, what
// it reads is added to it where that has the same width.
struct HiddenLayers {
  std::vector<int64_t> units = {};
  v1::Activation activation = {};
  std::optional<double> dropout = {};
  bool layer_norm = false;
  bool residual = false;
};

// Adds the hidden layers and the dense one that gives the outputs, before which a layer norm comes
// too. Every parameter of dense layers begins as `initializer` says.
void AddLayers(const HiddenLayers& hidden, int64_t outputs, const v1::Initializer& initializer,
               v1::NetworkSpec* network);

// All layers in the order of a pass, those within a residual before it.
std::vector<const v1::Layer*> LayersInOrder(const v1::NetworkSpec& network);
// The dense ones among them; the last gives the outputs.
std::vector<const v1::DenseLayer*> DenseLayers(const v1::NetworkSpec& network);

}  // namespace descent::cli

#endif  // CLIENT_CLI_LAYERS_H_
