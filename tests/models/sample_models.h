// Models and commands that the suites share.

#ifndef TESTS_MODELS_SAMPLE_MODELS_H_
#define TESTS_MODELS_SAMPLE_MODELS_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/check.h"
#include "core/trainer.h"
#include "server/models/registry/registry.h"
#include "tests/models/replies.h"
#include "tests/support/random_network.h"

namespace descent::models {

inline NetworkSpec SampleNetwork(std::vector<std::int64_t> widths = {8, 2}) {
  return testing::DenseNetwork(/*inputs=*/5, widths, TanhActivation{}, MeanSquaredErrorLoss{},
                               DataType::kFloat32);
}

inline OptimizerSpec SampleOptimizer() {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 1e-2;
  optimizer.algorithm = AdamOptions{};
  return optimizer;
}

inline CreateModelCommand CreateCommand(const std::string& name,
                                        NetworkSpec network = SampleNetwork()) {
  CreateModelCommand command;
  command.settings.name = name;
  command.settings.network = std::move(network);
  command.settings.optimizer = SampleOptimizer();
  return command;
}

inline std::shared_ptr<Model> CreateModel(Registry* registry, const std::string& name,
                                          const NetworkSpec& network = SampleNetwork()) {
  const auto info = Await<ModelInfo>([&](Reply<ModelInfo> reply) {
    registry->Create(CreateCommand(name, network), {}, std::move(reply));
  });
  DESCENT_CHECK(info.ok());
  return *registry->Find(name);
}

// The batch of a seed, with so many rows.
inline Batch SampleBatch(const Network& network, std::uint64_t seed, std::int64_t rows = 4) {
  return testing::RandomBatch(network.spec(), rows, seed);
}

inline StepCommand StepOn(const Network& network, std::uint64_t seed, std::int64_t rows = 4) {
  StepCommand command;
  command.update = SampleBatch(network, seed, rows);
  return command;
}

inline absl::StatusOr<StepOutcome> Step(Model& model, StepCommand command) {
  return Await<StepOutcome>(
      [&](Reply<StepOutcome> reply) { model.Step(std::move(command), {}, std::move(reply)); });
}

inline absl::StatusOr<PredictOutcome> Predict(Model& model, Matrix inputs, bool raw = true) {
  return Await<PredictOutcome>([&](Reply<PredictOutcome> reply) {
    model.Predict({.inputs = std::move(inputs), .raw_outputs = raw}, {}, std::move(reply));
  });
}

inline absl::StatusOr<ModelInfo> Info(Model& model) {
  return Await<ModelInfo>([&](Reply<ModelInfo> reply) { model.Info({}, std::move(reply)); });
}

// What a trainer alone makes of the batches of these seeds.
inline std::uint64_t HashAfter(const NetworkSpec& network, const std::vector<std::uint64_t>& seeds,
                               std::int64_t rows = 4) {
  auto trainer = Trainer::Create(testing::MakeNetwork(network), SampleOptimizer(), nullptr);
  DESCENT_CHECK(trainer.ok());
  for (const std::uint64_t seed : seeds) {
    DESCENT_CHECK((*trainer)->Step(SampleBatch((*trainer)->network(), seed, rows)).ok());
  }
  return (*trainer)->StateHash();
}

// Waits until nothing is held: an answer comes a moment before its place is given back. False if
// that takes a minute.
inline bool AwaitNothingHeld(const Registry& registry) {
  for (int i = 0; i < 60'000 && registry.Usage().held_items > 0; ++i) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  return registry.Usage().held_items == 0;
}

inline bool SameBits(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && a.type() == b.type() &&
         std::memcmp(a.buffer().bytes(), b.buffer().bytes(), a.buffer().byte_size()) == 0;
}

}  // namespace descent::models

#endif  // TESTS_MODELS_SAMPLE_MODELS_H_
