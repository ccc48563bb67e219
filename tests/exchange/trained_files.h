// Models that were trained, their files, and what comes of those.

#ifndef TESTS_EXCHANGE_TRAINED_FILES_H_
#define TESTS_EXCHANGE_TRAINED_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/batch.h"
#include "core/spec.h"
#include "core/trainer.h"
#include "server/exchange/model_file.h"

namespace descent::exchange {

struct TrainedCase {
  NetworkSpec network;
  OptimizerSpec optimizer;
};

// Each kind of layer and of optimizer with and without its options, in both types, by name.
std::map<std::string, TrainedCase> TrainedCases();

// A network of two categorical inputs beside three numeric ones: `user`, the sum of rows of 7 by 4,
// and `item`, the mean of rows of 5 by 2.
NetworkSpec NetworkWithCategories(DataType type);

// One category of each input for each of so many rows, without weights.
Categories OneCategoryARow(const NetworkSpec& network, std::int64_t rows, std::uint64_t seed);

// The batch of a seed.
Batch BatchFor(const NetworkSpec& network, std::uint64_t seed);

// After so many updates.
std::unique_ptr<Trainer> Trained(const TrainedCase& of, int updates);

// A safetensors file of what it is now, with the metadata that such files have and `more`.
std::string SafetensorsOf(const Trainer& trainer, bool with_optimizer,
                          const FileMetadata& more = {});

absl::StatusOr<ImportedModel> ReadSafetensors(const std::string& file, const NetworkSpec& network,
                                              const OptimizerSpec& optimizer,
                                              bool other_optimizer = false);

// A trainer that goes on from an imported model.
std::unique_ptr<Trainer> TrainerOf(ImportedModel model, const OptimizerSpec& optimizer);

}  // namespace descent::exchange

#endif  // TESTS_EXCHANGE_TRAINED_FILES_H_
