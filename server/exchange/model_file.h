// What a file says of a model, whatever its format.

#ifndef SERVER_EXCHANGE_MODEL_FILE_H_
#define SERVER_EXCHANGE_MODEL_FILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/input_statistics.h"
#include "core/network.h"
#include "core/spec.h"
#include "core/trainer.h"

namespace descent::exchange {

// Facts about a model by name, in formats that have room for them: "descent.model" and the like,
// see metadata_keys.h. Text that the format carries and does not look into.
using FileMetadata = std::map<std::string, std::string>;

// What goes into a file. The caller keeps network, optimizer and state alive.
struct ExportedModel {
  const Network& network;
  // What the slots and scalars of the state are called.
  const OptimizerSpec& optimizer;
  // Parameters and their step, with the statistics of networks that normalise their inputs; slots
  // and scalars are empty unless the optimizer's state goes along.
  const TrainerState& state;
  FileMetadata metadata;
};

// What an optimizer knows beside the parameters.
struct ImportedOptimizerState {
  std::int64_t updates = 0;  // the optimizer's t
  std::vector<Buffer> slots;
  std::vector<double> scalars;
};

// What came out of a file, validated: sizes fit the network, every value is finite.
struct ImportedModel {
  // What the parameters are laid out for: what the file says, or what the reader was told.
  NetworkSpec network;
  Buffer parameters;
  // Of networks that normalise their inputs; null for others.
  std::shared_ptr<const InputStatistics> statistics;
  std::int64_t step = 0;
  // If the file has it.
  std::optional<ImportedOptimizerState> optimizer_state;
  FileMetadata metadata;
};

// INVALID_ARGUMENT about the file. `reason`: MALFORMED_FILE, its bytes are not what the format has;
// UNSUPPORTED_FILE, what it says is nothing that a network can be; FILE_MISMATCH, it does not fit
// what else is known of the model.
absl::Status InvalidFile(std::string_view reason, std::string_view what, Metadata metadata = {});

// INVALID_ARGUMENT (NON_FINITE_VALUE) naming the parameter and the place in it of a value that is
// NaN or infinite. `values`: laid out for `layout`.
absl::Status CheckFinite(const ParameterLayout& layout, const Buffer& values);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_MODEL_FILE_H_
