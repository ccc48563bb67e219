// Networks of every kind as ONNX files, and what they predict.

#ifndef TESTS_EXCHANGE_ONNX_CASES_H_
#define TESTS_EXCHANGE_ONNX_CASES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/batch.h"
#include "core/buffer.h"
#include "core/spec.h"
#include "core/trainer.h"
#include "server/exchange/model_file.h"
#include "tests/exchange/trained_files.h"

namespace descent::exchange {

// Every activation, layer and loss, and ways to put them together, in both types, by name.
std::map<std::string, TrainedCase> OnnxCases();

// The batch of a seed, whose targets every loss takes.
Batch OnnxBatchFor(const NetworkSpec& network, std::uint64_t seed);

// After so many updates, with the batches of seeds 0, 1, ...
std::unique_ptr<Trainer> TrainedOn(const TrainedCase& of, int updates);

std::string OnnxOf(const Trainer& trainer, const FileMetadata& metadata = {});

// What Predict answers: outputs in the targets' terms.
Matrix PredictionsOf(const Trainer& trainer, const Matrix& inputs,
                     const Categories& categories = {});

}  // namespace descent::exchange

#endif  // TESTS_EXCHANGE_ONNX_CASES_H_
