// Times one training step (float32, plain gradient descent, mean squared error, one thread) as what
// it is given grows, each series doubling, and prints one JSON object a line:
//
//   {"kind": "growth", "series": "rows", "value": 64, "units": 64, "us": …}
//
// rows:   64-64-64-10 on more and more rows; a unit is a row
// width:  w-w-w-w on 128 rows; a unit is one of the multiply-adds of its products
// depth:  64-64-…-64-10 on 128 rows, by hidden layers; a unit is a hidden layer
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

constexpr std::int64_t kRows = 128;

double StepSeconds(const Reference& reference, int rounds) {
  OptimizerSpec optimizer;
  optimizer.algorithm = SgdOptions{};
  optimizer.learning_rate = 1e-3;
  auto network = Network::Create(SpecOf(reference));
  DESCENT_CHECK(network.ok());
  auto trainer = Trainer::Create(*network, optimizer, nullptr);
  DESCENT_CHECK(trainer.ok());
  std::mt19937 random(1);
  Batch batch;
  batch.inputs = RandomMatrix(reference.rows, reference.widths.front(), &random);
  batch.targets = RandomMatrix(reference.rows, reference.widths.back(), &random);
  const auto step = [&] { DESCENT_CHECK((*trainer)->Step(batch).ok()); };
  return BestOfRounds({{Clock::kThreadCpu, step}}, rounds)[0];
}

void Print(const char* series, std::int64_t value, double units, const Reference& reference,
           int rounds) {
  std::printf(
      "{\"kind\": \"growth\", \"series\": \"%s\", \"value\": %lld, \"units\": %.0f, \"us\": "
      "%.3f}\n",
      series, static_cast<long long>(value), units, StepSeconds(reference, rounds) * 1e6);
  std::fflush(stdout);
}

Reference Relu(std::vector<std::int64_t> widths, std::int64_t rows) {
  return {
      .name = "", .widths = std::move(widths), .activation = HiddenActivation::kRelu, .rows = rows};
}

void PrintAll(int rounds) {
  for (std::int64_t rows = 1; rows <= 4096; rows *= 2) {
    Print("rows", rows, static_cast<double>(rows), Relu({64, 64, 64, 10}, rows), rounds);
  }
  for (std::int64_t width = 16; width <= 2048; width *= 2) {
    const Reference reference = Relu({width, width, width, width}, kRows);
    Print("width", width, StepOperations(reference) / 2, reference, rounds);
  }
  for (std::int64_t depth = 1; depth <= 64; depth *= 2) {
    std::vector<std::int64_t> widths(static_cast<std::size_t>(depth) + 1, 64);
    widths.push_back(10);
    Print("depth", depth, static_cast<double>(depth), Relu(std::move(widths), kRows), rounds);
  }
}

}  // namespace
}  // namespace descent::bench

// Usage: growth_bench [ROUNDS], 50 unless given.
int main(int argc, char** argv) {
  descent::bench::PrintAll(argc > 1 ? std::max(1, std::atoi(argv[1])) : 50);
  return 0;
}
