// Times one training step (float32, plain gradient descent, mean squared error, one thread) of
// w-w-w-w-w-1 with each kind of layer after or around the hidden ones, and prints one JSON object a
// line:
//
//   {"kind": "layers", "layers": "dropout", "width": 64, "rows": 128, "us": …}
//
// How time is taken: bench/core/timing.h.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "bench/core/reference_networks.h"
#include "bench/core/timing.h"
#include "core/check.h"
#include "core/network.h"
#include "core/trainer.h"

namespace descent::bench {
namespace {

constexpr int kHidden = 4;

// A network whose hidden layers are made of `block`.
struct Case {
  const char* name;
  std::vector<LayerSpec> (*block)(const LayerSpec& dense);
  bool normalizes_inputs = false;
};

const Case kCases[] = {
    {"dense", [](const LayerSpec& dense) { return std::vector{dense}; }},
    {"dropout",
     [](const LayerSpec& dense) {
       return std::vector<LayerSpec>{dense, DropoutSpec{0.1}};
     }},
    {"layer norm",
     [](const LayerSpec& dense) {
       return std::vector<LayerSpec>{LayerNormSpec{}, dense};
     }},
    {"residual",
     [](const LayerSpec& dense) { return std::vector<LayerSpec>{ResidualSpec{{dense}}}; }},
    {"normalised inputs", [](const LayerSpec& dense) { return std::vector{dense}; }, true},
};

NetworkSpec SpecOf(const Case& c, std::int64_t width) {
  const LayerSpec dense = DenseSpec{.units = width, .activation = ReluActivation{}};
  NetworkSpec spec;
  spec.input_features = width;
  for (int i = 0; i < kHidden; ++i) {
    const std::vector<LayerSpec> block = c.block(dense);
    spec.layers.insert(spec.layers.end(), block.begin(), block.end());
  }
  spec.layers.emplace_back(DenseSpec{.units = 1});
  if (c.normalizes_inputs) spec.input_normalization.emplace();
  return spec;
}

void PrintAll(std::int64_t width, std::int64_t rows, int rounds) {
  std::mt19937 random(1);
  Batch batch;
  batch.inputs = RandomMatrix(rows, width, &random);
  batch.targets = RandomMatrix(rows, 1, &random);
  OptimizerSpec optimizer;
  optimizer.learning_rate = 1e-6;
  std::vector<std::unique_ptr<Trainer>> trainers;
  std::vector<Rival> rivals;
  for (const Case& c : kCases) {
    auto network = Network::Create(SpecOf(c, width));
    DESCENT_CHECK(network.ok());
    auto made = Trainer::Create(*network, optimizer, nullptr);
    DESCENT_CHECK(made.ok());
    Trainer* const trainer = trainers.emplace_back(*std::move(made)).get();
    rivals.push_back(
        {Clock::kThreadCpu, [trainer, &batch] { DESCENT_CHECK(trainer->Step(batch).ok()); }});
  }
  const std::vector<double> seconds = BestOfRounds(rivals, rounds);
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    std::printf(
        "{\"kind\": \"layers\", \"layers\": \"%s\", \"width\": %lld, \"rows\": %lld, \"us\": "
        "%.3f}\n",
        kCases[i].name, static_cast<long long>(width), static_cast<long long>(rows),
        seconds[i] * 1e6);
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace descent::bench

// Usage: layers_bench [ROUNDS], 50 unless given.
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 50;
  for (const std::int64_t width : {64, 256}) {
    for (const std::int64_t rows : {32, 128}) descent::bench::PrintAll(width, rows, rounds);
  }
  return 0;
}
