// Times the core's training step on the five reference networks beside a plain Eigen loop and the
// machine's best matrix product, all in one run, and prints one JSON object a line:
//
//   {"kind": "ceiling", "gflops": …}
//   {"kind": "step", "network": "13-64-1", "rows": 32, "descent_us": …, "descent_2_us": …,
//    "eigen_us": …, "flops": …}
//
// Each number is the median of rounds in which everything takes its turn, so that a noisy machine
// disturbs them alike.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/core/eigen_loop.h"
#include "core/check.h"
#include "core/instruction_set.h"
#include "core/kernels/gemm.h"
#include "core/network.h"
#include "core/trainer.h"

namespace descent::bench {
namespace {

struct Reference {
  const char* name;
  std::vector<std::int64_t> widths;
  HiddenActivation activation;
  std::int64_t rows;
};

// The networks of the performance documentation.
const Reference kReferences[] = {
    {"13-64-1", {13, 64, 1}, HiddenActivation::kRelu, 32},
    {"8-64-64-1", {8, 64, 64, 1}, HiddenActivation::kRelu, 128},
    {"784-128-10", {784, 128, 10}, HiddenActivation::kRelu, 64},
    {"28-300x5-1", {28, 300, 300, 300, 300, 300, 1}, HiddenActivation::kTanh, 100},
    {"784-512-256-10", {784, 512, 256, 10}, HiddenActivation::kRelu, 128},
    {"784-1024-1024-10", {784, 1024, 1024, 10}, HiddenActivation::kRelu, 256},
};

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

Matrix RandomMatrix(std::int64_t rows, std::int64_t cols, std::mt19937* random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  Matrix matrix(DataType::kFloat32, rows, cols);
  for (std::int64_t i = 0; i < rows * cols; ++i) matrix.data<float>()[i] = uniform(*random);
  return matrix;
}

std::unique_ptr<Trainer> MakeTrainer(const Reference& reference, ThreadPool* pool) {
  NetworkSpec spec;
  spec.input_features = reference.widths[0];
  for (std::size_t l = 1; l < reference.widths.size(); ++l) {
    DenseSpec& dense = spec.layers.emplace_back();
    dense.units = reference.widths[l];
    if (l + 1 < reference.widths.size()) {
      dense.activation.kind = reference.activation == HiddenActivation::kRelu
                                  ? ActivationKind::kRelu
                                  : ActivationKind::kTanh;
    }
  }
  OptimizerSpec optimizer;
  optimizer.learning_rate = 1e-3;
  auto network = Network::Create(spec);
  DESCENT_CHECK(network.ok());
  auto trainer = Trainer::Create(*network, optimizer, pool);
  DESCENT_CHECK(trainer.ok());
  return *std::move(trainer);
}

// Operations of a step: 2 for each weight and row in the forward product and in the weight
// gradient, and 2 more for the input gradient, which the first layer does without.
double StepOperations(const Reference& reference) {
  double operations = 0;
  for (std::size_t l = 1; l < reference.widths.size(); ++l) {
    operations += (l == 1 ? 4.0 : 6.0) * static_cast<double>(reference.widths[l - 1]) *
                  static_cast<double>(reference.widths[l]);
  }
  return operations * static_cast<double>(reference.rows);
}

double OwnProductSeconds(int n) {
  std::mt19937 random(1);
  const Matrix a = RandomMatrix(n, n, &random);
  const Matrix b = RandomMatrix(n, n, &random);
  Matrix c(DataType::kFloat32, n, n);
  Buffer packed;
  const auto none = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) {};
  return Seconds([&] {
    Gemm(GemmOperands<float>{.m = n,
                             .n = n,
                             .k = n,
                             .a = a.data<float>(),
                             .a_row_stride = n,
                             .a_col_stride = 1,
                             .b = b.data<float>(),
                             .b_row_stride = n,
                             .b_col_stride = 1,
                             .c = c.data<float>()},
         nullptr, &packed, none);
  });
}

// The best of several runs is the ceiling: a product that was disturbed is no limit.
void PrintCeiling(int rounds) {
  constexpr int kSize = 1024;
  double best = 1e9;
  double own = 1e9;
  for (int i = 0; i < rounds; ++i) {
    best = std::min(best, EigenProductSeconds(kSize));
    own = std::min(own, OwnProductSeconds(kSize));
  }
  const double operations = 2.0 * kSize * kSize * kSize;
  std::printf(
      "{\"kind\": \"ceiling\", \"eigen_gflops\": %.1f, \"descent_gflops\": %.1f, "
      "\"gflops\": %.1f, \"instruction_set\": \"%s\"}\n",
      operations / best * 1e-9, operations / own * 1e-9, operations / std::min(best, own) * 1e-9,
      std::string(InstructionSet()).c_str());
}

void PrintStep(const Reference& reference, int rounds) {
  std::mt19937 random(1);
  Batch batch;
  batch.inputs = RandomMatrix(reference.rows, reference.widths.front(), &random);
  batch.targets = RandomMatrix(reference.rows, reference.widths.back(), &random);
  ThreadPool two(2);
  const auto single = MakeTrainer(reference, nullptr);
  const auto pair = MakeTrainer(reference, &two);
  EigenLoop eigen(reference.widths, reference.activation, reference.rows);

  const std::vector<std::function<void()>> peers = {
      [&] { DESCENT_CHECK(single->Step(batch).ok()); },
      [&] { DESCENT_CHECK(pair->Step(batch).ok()); },
      [&] { eigen.Step(); },
  };
  // Blocks of about 20 ms.
  for (const auto& peer : peers) peer();
  const double once = Seconds(peers[0]);
  const int block = static_cast<int>(std::clamp(0.02 / once, 1.0, 1e5));
  std::vector<std::vector<double>> seconds(peers.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
      seconds[i].push_back(Seconds([&] {
                             for (int step = 0; step < block; ++step) peers[i]();
                           }) /
                           block);
    }
  }
  std::printf(
      "{\"kind\": \"step\", \"network\": \"%s\", \"rows\": %lld, \"descent_us\": %.3f, "
      "\"descent_2_us\": %.3f, \"eigen_us\": %.3f, \"flops\": %.0f}\n",
      reference.name, static_cast<long long>(reference.rows), Median(seconds[0]) * 1e6,
      Median(seconds[1]) * 1e6, Median(seconds[2]) * 1e6, StepOperations(reference));
  std::fflush(stdout);
}

}  // namespace
}  // namespace descent::bench

// Usage: step_bench [rounds], 15 unless given.
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  descent::bench::PrintCeiling(rounds);
  for (const auto& reference : descent::bench::kReferences) {
    descent::bench::PrintStep(reference, rounds);
  }
  return 0;
}
