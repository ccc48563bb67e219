// Times one training step (float32, Adam, mean squared error, one thread) of a network with four
// categorical inputs, by the size of their tables, beside the same network of numeric inputs as
// wide, and prints one JSON object a line:
//
//   {"kind": "tables", "buckets": 1000000, "rows": 128, "us": …, "dense_us": …}
//
// The ids of a batch are drawn evenly from the table, another batch for each step: what is found in
// no cache costs what it costs in earnest. bench/peers/torch_tables.py does the same with PyTorch.
// How time is taken: bench/core/timing.h.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/core/reference_networks.h"
#include "bench/core/timing.h"
#include "core/check.h"
#include "core/network.h"
#include "core/trainer.h"

namespace descent::bench {
namespace {

constexpr std::int64_t kNumeric = 13;
constexpr std::int64_t kInputs = 4;
constexpr std::int64_t kDimension = 16;
constexpr std::int64_t kUnits = 64;
constexpr int kBatches = 64;

NetworkSpec SpecOf(std::int64_t numeric, std::int64_t buckets) {
  NetworkSpec spec;
  spec.input_features = numeric;
  spec.layers = {DenseSpec{.units = kUnits, .activation = ReluActivation{}}, DenseSpec{.units = 1}};
  for (std::int64_t i = 0; buckets > 0 && i < kInputs; ++i) {
    spec.categorical_inputs.push_back(
        {.name = absl::StrCat("c", i), .buckets = buckets, .dimension = kDimension});
  }
  return spec;
}

// A trainer with batches that it takes in turn.
class Runner {
 public:
  Runner(const NetworkSpec& spec, std::int64_t rows) {
    auto network = Network::Create(spec);
    DESCENT_CHECK(network.ok());
    OptimizerSpec optimizer;
    optimizer.learning_rate = 1e-6;
    optimizer.algorithm = AdamOptions{};
    auto trainer = Trainer::Create(*network, optimizer, nullptr);
    DESCENT_CHECK(trainer.ok());
    trainer_ = *std::move(trainer);
    std::mt19937 random(1);
    for (int i = 0; i < kBatches; ++i) {
      Batch& batch = batches_.emplace_back();
      batch.inputs = RandomMatrix(rows, spec.input_features, &random);
      batch.targets = RandomMatrix(rows, 1, &random);
      for (const CategoricalInputSpec& input : spec.categorical_inputs) {
        CategoryValues& values = batch.categories.emplace_back();
        for (std::int64_t row = 0; row < rows; ++row) {
          values.buckets.push_back(
              static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(input.buckets)));
        }
      }
    }
  }

  void Step() {
    DESCENT_CHECK(trainer_->Step(batches_[next_]).ok());
    next_ = (next_ + 1) % batches_.size();
  }

 private:
  std::unique_ptr<Trainer> trainer_;
  std::vector<Batch> batches_;
  std::size_t next_ = 0;
};

void Print(std::int64_t buckets, std::int64_t rows, int rounds) {
  Runner tables(SpecOf(kNumeric, buckets), rows);
  Runner dense(SpecOf(kNumeric + kInputs * kDimension, 0), rows);
  const std::vector<double> seconds = BestOfRounds(
      {{Clock::kThreadCpu, [&] { tables.Step(); }}, {Clock::kThreadCpu, [&] { dense.Step(); }}},
      rounds);
  std::printf(
      "{\"kind\": \"tables\", \"buckets\": %lld, \"rows\": %lld, \"us\": %.3f, \"dense_us\": "
      "%.3f}\n",
      static_cast<long long>(buckets), static_cast<long long>(rows), seconds[0] * 1e6,
      seconds[1] * 1e6);
  std::fflush(stdout);
}

}  // namespace
}  // namespace descent::bench

// Usage: tables_bench [ROUNDS], 50 unless given.
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 50;
  for (const std::int64_t rows : {32, 256}) {
    for (const std::int64_t buckets : {1000, 100'000, 1'000'000}) {
      descent::bench::Print(buckets, rows, rounds);
    }
  }
  return 0;
}
