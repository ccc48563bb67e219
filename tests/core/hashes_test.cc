// The same bits on every machine: the state hashes of networks over every kind, trained 50 updates,
// are those of tests/golden/hashes.json, whatever the compiler and the instruction set.
//
// DESCENT_WRITE_HASHES=FILE writes them instead. They change only with what an update computes, and
// then core/engine_version.h changes too.

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/activations/kinds.h"
#include "core/engine_version.h"
#include "core/initializers/initializer.h"
#include "core/layers/kinds.h"
#include "core/losses/kinds.h"
#include "core/network.h"
#include "core/optimizers/kinds.h"
#include "core/schedules/schedule.h"
#include "core/trainer.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"
#include "tests/support/random_categories.h"
#include "tests/support/random_network.h"
#include "tests/support/random_targets.h"

namespace descent {
namespace {

constexpr int kUpdates = 50;
constexpr std::int64_t kRows = 21;

struct Case {
  NetworkSpec network;
  OptimizerSpec optimizer;
};

// Widths around those of registers, and a loss over several outputs.
Case BaseCase(DataType type) {
  Case base;
  base.network =
      testing::DenseNetwork(19, {33, 16, 5}, TanhActivation{}, HalfSquaredErrorLoss{}, type);
  base.optimizer.learning_rate = 0.01;
  base.optimizer.algorithm = AdamOptions{};
  return base;
}

void UseActivation(const ActivationSpec& activation, NetworkSpec* network) {
  for (std::size_t i = 0; i + 1 < network->layers.size(); ++i) {
    testing::DenseAt(*network, i).activation = activation;
  }
}

// Each kind of each family, by itself.
std::map<std::string, Case> Cases() {
  std::map<std::string, Case> cases;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const auto add = [&](std::string_view family, std::string_view name,
                         const std::function<void(Case*)>& change) {
      Case changed = BaseCase(type);
      change(&changed);
      cases.emplace(absl::StrCat(std::string(family), ".", std::string(name), ".",
                                 std::string(DataTypeName(type))),
                    std::move(changed));
    };
    for (const ActivationInfo& info : Activations()) {
      add("activation", info.name, [&](Case* c) { UseActivation(info.defaults, &c->network); });
    }
    for (const LossInfo& info : Losses()) {
      add("loss", info.name, [&](Case* c) { c->network.loss = info.defaults; });
      add("loss_of_one_output", info.name, [&](Case* c) {
        c->network.loss = info.defaults;
        testing::DenseAt(c->network, 2).units = 1;
      });
    }
    for (const OptimizerInfo& info : Optimizers()) {
      add("optimizer", info.name, [&](Case* c) {
        c->optimizer.algorithm = info.defaults;
        c->optimizer.clip_norm = 0.5;
        c->optimizer.clip_value = 0.1;
      });
    }
    for (const InitializerInfo& info : Initializers()) {
      add("initializer", info.name, [&](Case* c) {
        for (LayerSpec& layer : c->network.layers) {
          std::get<DenseSpec>(layer).kernel_initializer.kind = info.kind;
          std::get<DenseSpec>(layer).bias_initializer.kind = info.kind;
        }
      });
    }
    for (const ScheduleInfo& info : Schedules()) {
      add("schedule", info.name, [&](Case* c) {
        c->optimizer.schedule = info.example;
        c->optimizer.schedule.warmup_steps = 7;
      });
    }
    for (const LayerInfo& info : Layers()) {
      add("layer", info.name, [&](Case* c) {
        c->network.layers.insert(
            c->network.layers.begin() + 2,
            {DenseSpec{.units = 5}, info.example, ResidualSpec{{info.example}}});
      });
    }
    add("input_normalization", "all_rows",
        [&](Case* c) { c->network.input_normalization.emplace(); });
    add("input_normalization", "half_life", [&](Case* c) {
      c->network.input_normalization = InputNormalizationSpec{.half_life_rows = 100};
    });
    for (const auto& [name, combiner] :
         {std::pair("sum", Combiner::kSum), std::pair("mean", Combiner::kMean)}) {
      add("categorical_inputs", name, [&](Case* c) {
        // One value a row, bags, and bags with weights.
        c->network.categorical_inputs = {
            {.name = "one", .buckets = 40, .dimension = 5, .combiner = combiner},
            {.name = "bag", .buckets = 7, .dimension = 16, .combiner = combiner},
            {.name = "weighted", .buckets = 300, .dimension = 19, .combiner = combiner}};
      });
    }
    // Products that are cut into ranges, panels and tiles.
    add("size", "wide", [&](Case* c) {
      c->network = testing::DenseNetwork(411, {130, 70, 3}, ReluActivation{},
                                         SoftmaxCrossEntropyLoss{}, type);
    });
  }
  return cases;
}

Batch BatchOf(const NetworkSpec& spec, std::uint64_t seed) {
  Batch batch;
  batch.inputs = testing::RandomMatrix(spec.data_type, kRows, spec.input_features, seed);
  batch.categories = testing::RandomCategories(spec, kRows, seed);
  batch.weights = testing::RandomMatrix(spec.data_type, kRows, 1, seed + 1, 0.5, 2);
  batch.targets = testing::RandomTargets(GetLossInfo(spec.loss).targets,
                                         testing::TargetForm::kValues, spec.data_type, kRows,
                                         testing::MakeNetwork(spec)->outputs(), seed + 2);
  return batch;
}

std::string HashAfterTraining(const Case& c) {
  ThreadPool pool(2);
  auto trainer = Trainer::Create(testing::MakeNetwork(c.network), c.optimizer, &pool);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  if (!trainer.ok()) return "";
  for (std::uint64_t step = 0; step < kUpdates; ++step) {
    const auto result = (*trainer)->Step(BatchOf(c.network, 3 * step));
    EXPECT_TRUE(result.ok()) << result.status();
  }
  return absl::StrCat(absl::Hex((*trainer)->StateHash(), absl::kZeroPad16));
}

TEST(HashesTest, AreTheSameOnEveryMachine) {
  nlohmann::ordered_json actual;
  actual["engine_version"] = kEngineVersion;
  for (const auto& [name, c] : Cases()) {
    SCOPED_TRACE(name);
    actual["hashes"][name] = HashAfterTraining(c);
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing else runs.
  if (const char* const path = std::getenv("DESCENT_WRITE_HASHES"); path != nullptr) {
    std::ofstream(path) << actual.dump(2) << "\n";
    return;
  }
  const testing::Json golden = testing::GoldenCases("hashes");
  EXPECT_EQ(golden.at("engine_version").get<int>(), kEngineVersion);
  ASSERT_EQ(golden.at("hashes").size(), actual["hashes"].size())
      << "a kind is new: see the top of this file";
  for (const auto& [name, hash] : golden.at("hashes").items()) {
    EXPECT_EQ(actual["hashes"].at(name).get<std::string>(), hash.get<std::string>()) << name;
  }
}

}  // namespace
}  // namespace descent
