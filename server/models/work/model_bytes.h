// What a model costs in memory before it has seen a batch.

#ifndef SERVER_MODELS_WORK_MODEL_BYTES_H_
#define SERVER_MODELS_WORK_MODEL_BYTES_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "core/network.h"
#include "core/spec.h"
#include "server/store/model_settings.h"

namespace descent::models {

// Snapshots of a model that is counted so. The gradient lies where the next one will be.
inline constexpr std::size_t kParameterCopies = 3;

// What a network's description takes each time it is held: the spec alone.
std::size_t SpecBytes(const NetworkSpec& spec);

// What a model's settings take each time they are held: name, labels, the network's spec. The
// client's data are held once, and not counted here.
std::size_t SettingsBytes(const store::ModelSettings& settings);

// What a live model holds: parameters as they are, as they will be (before that, the gradient) and
// as a reader may hold them, the optimizer's slots, the settings wherever they are held, what the
// engine derives from the spec layer by layer, and what an idle model costs besides. Errors are
// those of MakeOptimizer.
absl::StatusOr<std::size_t> EstimateModelBytes(const Network& network,
                                               const store::ModelSettings& settings);

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_MODEL_BYTES_H_
