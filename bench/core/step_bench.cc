// Times the core's training step on the reference networks beside its bare products, a plain Eigen
// loop and the machine's best matrix product, all in one run, and prints one JSON object a line:
//
//   {"kind": "ceiling", "gflops": …, "eigen_gflops": …, "descent_gflops": …, …}
//   {"kind": "step", "network": "13-64-1", "rows": 32, "flops": …, and in microseconds
//    "descent_us", "descent_wall_us", "descent_2_us": one step, one thread and two
//    "products_us": nothing but its matrix products
//    "adam_us": the same step with Adam
//    "adam_floor_us": the step, and a pass that reads and writes as much memory as Adam's state
//    "eigen_us": the loop that one would write with Eigen}
//
// How time is taken: bench/core/timing.h.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/core/eigen_loop.h"
#include "bench/core/reference_networks.h"
#include "bench/core/timing.h"
#include "core/check.h"
#include "core/instruction_set.h"
#include "core/network.h"
#include "core/trainer.h"

namespace descent::bench {
namespace {

std::unique_ptr<Trainer> MakeTrainer(const Reference& reference, const OptimizerOptions& rule,
                                     ThreadPool* pool) {
  OptimizerSpec optimizer;
  optimizer.algorithm = rule;
  optimizer.learning_rate = 1e-3;
  auto network = Network::Create(SpecOf(reference));
  DESCENT_CHECK(network.ok());
  auto trainer = Trainer::Create(*network, optimizer, pool);
  DESCENT_CHECK(trainer.ok());
  return *std::move(trainer);
}

// What reading and writing two more arrays costs, with as little arithmetic as there can be.
class StatePass {
 public:
  explicit StatePass(std::int64_t elements)
      : first_(DataType::kFloat32, elements), second_(DataType::kFloat32, elements) {}

  void Run() {
    float* const first = first_.data<float>();
    float* const second = second_.data<float>();
    for (std::int64_t i = 0; i < first_.size(); ++i) first[i] += 1.0F;
    for (std::int64_t i = 0; i < second_.size(); ++i) second[i] += 1.0F;
  }

 private:
  Buffer first_, second_;
};

void PrintCeiling(int rounds) {
  constexpr int kSize = 1024;
  BareProduct own(BareProduct::Form::kForward, kSize, kSize, kSize);
  EigenProduct eigen(kSize);
  const std::vector<double> seconds = BestOfRounds(
      {{Clock::kThreadCpu, [&] { own.Run(); }}, {Clock::kThreadCpu, [&] { eigen.Run(); }}}, rounds);
  std::printf(
      "{\"kind\": \"ceiling\", \"eigen_gflops\": %.1f, \"descent_gflops\": %.1f, "
      "\"gflops\": %.1f, \"instruction_set\": \"%s\"}\n",
      own.operations() / seconds[1] * 1e-9, own.operations() / seconds[0] * 1e-9,
      own.operations() / std::min(seconds[0], seconds[1]) * 1e-9,
      std::string(InstructionSet()).c_str());
}

void PrintStep(const Reference& reference, int rounds) {
  std::mt19937 random(1);
  Batch batch;
  batch.inputs = RandomMatrix(reference.rows, reference.widths.front(), &random);
  batch.targets = RandomMatrix(reference.rows, reference.widths.back(), &random);
  ThreadPool two(2);
  const auto single = MakeTrainer(reference, SgdOptions{}, nullptr);
  const auto pair = MakeTrainer(reference, SgdOptions{}, &two);
  const auto adam = MakeTrainer(reference, AdamOptions{}, nullptr);
  std::vector<BareProduct> products = ProductsOf(reference);
  StatePass pass(single->network().layout().size());
  EigenLoop eigen(reference.widths, reference.activation, reference.rows);

  const auto step = [&batch](Trainer& trainer) { DESCENT_CHECK(trainer.Step(batch).ok()); };
  const std::vector<double> seconds = BestOfRounds({{Clock::kThreadCpu, [&] { step(*single); }},
                                                    {Clock::kWall, [&] { step(*single); }},
                                                    {Clock::kWall, [&] { step(*pair); }},
                                                    {Clock::kThreadCpu,
                                                     [&] {
                                                       for (BareProduct& product : products)
                                                         product.Run();
                                                     }},
                                                    {Clock::kThreadCpu, [&] { step(*adam); }},
                                                    {Clock::kThreadCpu,
                                                     [&] {
                                                       step(*single);
                                                       pass.Run();
                                                     }},
                                                    {Clock::kThreadCpu, [&] { eigen.Step(); }}},
                                                   rounds);
  const char* const names[] = {"descent_us", "descent_wall_us", "descent_2_us", "products_us",
                               "adam_us",    "adam_floor_us",   "eigen_us"};
  std::printf("{\"kind\": \"step\", \"network\": \"%s\", \"rows\": %lld, \"flops\": %.0f",
              reference.name, static_cast<long long>(reference.rows), StepOperations(reference));
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    std::printf(", \"%s\": %.3f", names[i], seconds[i] * 1e6);
  }
  std::printf("}\n");
  std::fflush(stdout);
}

}  // namespace
}  // namespace descent::bench

// Usage: step_bench [ROUNDS [NETWORK]], 50 rounds and all networks unless given.
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 50;
  descent::bench::PrintCeiling(rounds);
  for (const auto& reference : descent::bench::References()) {
    if (argc > 2 && std::strcmp(argv[2], reference.name) != 0) continue;
    descent::bench::PrintStep(reference, rounds);
  }
  return 0;
}
