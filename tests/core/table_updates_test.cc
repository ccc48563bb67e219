// Updates of tables touch the rows that a batch names and no others, to the bit, for every
// optimizer; and whatever readers hold meanwhile.

#include "core/embeddings/table_updates.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "core/network.h"
#include "core/optimizers/kinds.h"
#include "core/spec_fields.h"
#include "core/state_hash.h"
#include "core/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/categorical_network.h"
#include "tests/support/gradients.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::CategoricalNetwork;
using testing::CategoriesOf;
using testing::Gradients;
using testing::GradientsOf;
using testing::IsOk;
using testing::MakeNetwork;
using testing::MakeTrainer;
using testing::RandomBatch;
using testing::RandomMatrix;
using testing::ReasonIs;
using testing::TanhLayer;
using testing::WithAlgorithm;

// Sets what reaches parameters without a gradient, and every switch: those that add a slot too.
class Decaying {
 public:
  void Field(const std::string& name, double& value) {
    if (name == "weight_decay") value = 0.1;
    if (name == "momentum") value = 0.9;
    if (name == "initial_accumulator_value") value = 0.2;
  }
  void Field(const std::string& /*name*/, bool& value) { value = true; }
  template <typename Other>
  void Field(const std::string& /*name*/, Other& /*value*/) {}
};

OptimizerOptions WithDecay(OptimizerOptions options) {
  Decaying fields;
  std::visit([&](auto& kind) { Describe(fields, kind); }, options);
  return options;
}

constexpr std::int64_t kBuckets = 12;
constexpr std::int64_t kDimension = 5;

NetworkSpec WithTable(DataType type) {
  return CategoricalNetwork(0, {{.name = "color", .buckets = kBuckets, .dimension = kDimension}},
                            {TanhLayer(4), TanhLayer(2)}, type);
}

// The same network with the table as the kernel of a layer that reads categories as ones and zeros.
NetworkSpec WithKernel(DataType type) {
  return CategoricalNetwork(
      kBuckets, {}, {DenseSpec{.units = kDimension, .omit_bias = true}, TanhLayer(4), TanhLayer(2)},
      type);
}

// Where the network with the kernel has each tensor of the network with the table.
std::string NameInWithKernel(const std::string& name) {
  if (name == "embeddings.color") return "layers.0.kernel";
  std::string later = name;
  ++later[sizeof("layers.") - 1];
  return later;
}

Buffer ToWithKernel(const Network& from, const Network& to, const Buffer& values) {
  Buffer moved(values.type(), to.layout().size());
  for (const ParameterInfo& parameter : from.layout().parameters()) {
    const std::int64_t offset = to.layout().OffsetOf(NameInWithKernel(parameter.name));
    for (std::int64_t i = 0; i < parameter.size; ++i) {
      moved.Set(offset + i, values.At(parameter.offset + i));
    }
  }
  return moved;
}

TrainerState ToWithKernel(const Network& from, const Network& to, const TrainerState& state) {
  SnapshotPool pool(to.data_type(), to.layout().size());
  TrainerState moved{.step = state.step,
                     .optimizer_updates = state.optimizer_updates,
                     .parameters = pool.Acquire(state.step),
                     .slots = {},
                     .scalars = state.scalars};
  *SnapshotPool::mutable_parameters(moved.parameters) =
      ToWithKernel(from, to, state.parameters.parameters());
  for (const Buffer& slot : state.slots) moved.slots.push_back(ToWithKernel(from, to, slot));
  return moved;
}

// A batch that names each of its categories once.
Batch BatchOf(const NetworkSpec& spec, const std::vector<std::int32_t>& named, std::uint64_t seed) {
  const auto rows = static_cast<std::int64_t>(named.size());
  Batch batch;
  batch.inputs = Matrix(spec.data_type, rows, spec.input_features);
  batch.targets = RandomMatrix(spec.data_type, rows, 2, seed);
  if (spec.categorical_inputs.empty()) {
    for (std::int64_t i = 0; i < rows; ++i) batch.inputs.Set(i, named[i], 1);
  } else {
    batch.categories =
        CategoriesOf(CategoryValues{.buckets = named, .row_splits = {}, .weights = {}});
  }
  return batch;
}

class EveryOptimizerTest
    : public ::testing::TestWithParam<std::tuple<OptimizerInfo, bool, DataType>> {
 protected:
  OptimizerSpec optimizer() const {
    const auto& [info, decay, type] = GetParam();
    return WithAlgorithm(decay ? WithDecay(info.defaults) : info.defaults,
                         info.default_learning_rate);
  }
  DataType type() const { return std::get<DataType>(GetParam()); }
};

TEST_P(EveryOptimizerTest, NamedRowsFollowItsRuleAndOthersKeepTheirBits) {
  const NetworkSpec spec = WithTable(type());
  const NetworkSpec kernel_spec = WithKernel(type());
  const auto network = MakeNetwork(spec);
  const auto with_kernel = MakeNetwork(kernel_spec);
  const auto trainer = MakeTrainer(network, optimizer());
  const auto reference = MakeTrainer(with_kernel, optimizer());
  const PlacedTable& table = network->tables()[0];
  std::vector<std::int32_t> order(kBuckets);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(1);
  for (std::uint64_t step = 0; step < 25; ++step) {
    std::ranges::shuffle(order, random);
    const std::vector<std::int32_t> named(order.begin(), order.begin() + 1 + random() % 5);
    const TrainerState before = trainer->GetState();
    ASSERT_THAT(reference->SetState(ToWithKernel(*network, *with_kernel, before)), IsOk());
    const auto updated = trainer->Step(BatchOf(spec, named, step));
    const auto expected = reference->Step(BatchOf(kernel_spec, named, step));
    ASSERT_THAT(updated, IsOk());
    ASSERT_THAT(expected, IsOk());
    EXPECT_EQ(updated->loss, expected->loss);
    // Summed up in another order.
    const double rounding = type() == DataType::kFloat32 ? 1e-6 : 1e-14;
    EXPECT_NEAR(updated->gradient_norm, expected->gradient_norm,
                rounding * expected->gradient_norm);

    // Of the parameters and of each slot.
    const TrainerState after = trainer->GetState();
    const TrainerState dense = reference->GetState();
    const auto compare = [&](const Buffer& old, const Buffer& now, const Buffer& by_rule,
                             const std::string& what) {
      const Buffer moved = ToWithKernel(*network, *with_kernel, now);
      const std::int64_t kernel = with_kernel->layout().OffsetOf("layers.0.kernel");
      for (std::int64_t row = 0; row < kBuckets; ++row) {
        const bool is_named = std::ranges::find(named, row) != named.end();
        for (std::int64_t i = row * kDimension; i < (row + 1) * kDimension; ++i) {
          const double was = is_named ? by_rule.At(kernel + i) : old.At(table.offset + i);
          EXPECT_EQ(now.At(table.offset + i), was)
              << what << " of row " << row << (is_named ? ", named" : "") << ", step " << step;
        }
      }
      // What is not the table is as it is in any network.
      for (std::int64_t i = kernel + kBuckets * kDimension; i < by_rule.size(); ++i) {
        EXPECT_EQ(moved.At(i), by_rule.At(i)) << what << " element " << i;
      }
    };
    compare(before.parameters.parameters(), after.parameters.parameters(),
            dense.parameters.parameters(), "parameters");
    for (std::size_t s = 0; s < after.slots.size(); ++s) {
      compare(before.slots[s], after.slots[s], dense.slots[s], "slot");
    }
    EXPECT_EQ(after.scalars, dense.scalars);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, EveryOptimizerTest,
    ::testing::Combine(
        ::testing::ValuesIn(std::vector<OptimizerInfo>(Optimizers().begin(), Optimizers().end())),
        ::testing::Bool(), ::testing::Values(DataType::kFloat32, DataType::kFloat64)),
    [](const auto& test) {
      return std::string(std::get<0>(test.param).name) +
             (std::get<1>(test.param) ? "_with_decay_" : "_") +
             std::string(DataTypeName(std::get<2>(test.param)));
    });

// Two tables of so many rows in all, and what is not a table too.
NetworkSpec TwoTables(std::int64_t buckets, DataType type = DataType::kFloat32) {
  NetworkSpec spec = CategoricalNetwork(2,
                                        {{.name = "one", .buckets = buckets / 4, .dimension = 3},
                                         {.name = "bag",
                                          .buckets = buckets - buckets / 4,
                                          .dimension = 2,
                                          .combiner = Combiner::kMean}},
                                        {TanhLayer(4), TanhLayer(2)}, type);
  spec.input_normalization.emplace();
  return spec;
}

std::uint64_t HashOf(const Snapshot& snapshot) {
  StateHasher hasher;
  hasher.Add(snapshot.parameters().bytes(), snapshot.parameters().byte_size());
  return hasher.Finish(snapshot.statistics().get(), {}, 0);
}

// Snapshots that readers hold for a while, some for very long.
class Readers {
 public:
  explicit Readers(std::uint64_t seed) : random_(seed) {}

  void Meet(const Trainer& trainer) {
    if (random_() % 3 != 0) {
      held_.push_back({trainer.snapshot(), HashOf(trainer.snapshot()), Patience()});
    }
    std::erase_if(held_, [](Held& held) {
      if (--held.patience > 0) return false;
      EXPECT_EQ(HashOf(held.snapshot), held.hash) << "changed while it was held";
      return true;
    });
  }
  std::size_t count() const { return held_.size(); }

 private:
  struct Held {
    Snapshot snapshot;
    std::uint64_t hash = 0;
    std::uint64_t patience = 0;
  };
  std::uint64_t Patience() { return random_() % 10 == 0 ? 50 + random_() % 50 : 1 + random_() % 8; }

  std::mt19937_64 random_;
  std::vector<Held> held_;
};

// Changes to a trainer by number, as they come between updates. Equal trainers stay equal.
class Course {
 public:
  explicit Course(Trainer* trainer) : trainer_(*trainer) {}

  void Run(std::uint64_t step, std::uint64_t rows) {
    const NetworkSpec& spec = trainer_.network().spec();
    if (step % 17 == 16) SetParameters(step, /*keep=*/step % 2 == 0);
    if (step % 19 == 18) SetEarlierState();
    if (step % 23 == 22) SetOptimizer(step);
    if (step % 13 == 12) BeRefused(step);
    if (step % 29 == 28) trainer_.FreeUnused();
    if (step % 11 == 10) earlier_.push_back(trainer_.GetState());
    const auto updated = trainer_.Step(RandomBatch(spec, static_cast<std::int64_t>(rows), step));
    ASSERT_THAT(updated, IsOk()) << "step " << step;
  }

 private:
  void SetParameters(std::uint64_t step, bool keep) {
    Buffer parameters = trainer_.snapshot().parameters().Clone();
    for (const ParameterInfo& parameter : trainer_.network().layout().parameters()) {
      for (std::int64_t i = 0; i < parameter.size; ++i) {
        parameters.Set(parameter.offset + i,
                       parameters.At(parameter.offset + i) + 1e-3 * static_cast<double>(step % 7));
      }
    }
    ASSERT_THAT(trainer_.SetParameters(parameters, keep), IsOk());
  }

  void SetEarlierState() {
    if (earlier_.empty()) return;
    TrainerState state = std::move(earlier_.front());
    earlier_.pop_front();
    // Of another algorithm, maybe.
    if (state.slots.size() != trainer_.slots()) return;
    ASSERT_THAT(trainer_.SetState(std::move(state)), IsOk());
  }

  void SetOptimizer(std::uint64_t step) {
    const OptimizerSpec optimizer = step % 2 == 0
                                        ? WithAlgorithm(AdamOptions{}, 0.02)
                                        : WithAlgorithm(SgdOptions{.momentum = 0.9}, 0.05);
    ASSERT_THAT(trainer_.SetOptimizer(optimizer), IsOk());
  }

  void BeRefused(std::uint64_t step) {
    const std::uint64_t before = trainer_.StateHash();
    EXPECT_THAT(trainer_.Step(RandomBatch(trainer_.network().spec(), 9, step), 1e300),
                ReasonIs("NON_FINITE_UPDATE"));
    EXPECT_EQ(trainer_.StateHash(), before);
  }

  Trainer& trainer_;
  std::deque<TrainerState> earlier_;
};

// With few rows, updates soon change so many that a whole copy is shorter; with many, what is
// remembered is bounded by the number of updates.
TEST(TableUpdatesTest, SnapshotsThatReadersHoldChangeNothing) {
  for (const std::int64_t buckets : {40, 400, 20000}) {
    const auto network = MakeNetwork(TwoTables(buckets));
    const OptimizerSpec optimizer = WithAlgorithm(AdamOptions{}, 0.02);
    const auto read = MakeTrainer(network, optimizer);
    const auto unread = MakeTrainer(network, optimizer);
    const auto copied = MakeTrainer(network, optimizer);
    Course read_course(read.get());
    Course unread_course(unread.get());
    Course copied_course(copied.get());
    Readers readers(static_cast<std::uint64_t>(buckets));
    std::mt19937_64 random(7);
    std::size_t most = 0;
    for (std::uint64_t step = 0; step < 300; ++step) {
      const std::uint64_t rows = 1 + random() % 12;
      read_course.Run(step, rows);
      unread_course.Run(step, rows);
      // State that was set is copied whole into the next buffer.
      ASSERT_THAT(copied->SetState(copied->GetState()), IsOk());
      copied_course.Run(step, rows);
      readers.Meet(*read);
      most = std::max(most, readers.count());
      ASSERT_EQ(read->StateHash(), copied->StateHash()) << "step " << step;
      ASSERT_EQ(unread->StateHash(), copied->StateHash()) << "step " << step;
    }
    EXPECT_GT(most, 8U);
  }
}

TEST(TableUpdatesTest, AStateGoesOnInAnotherTrainerWhileTheFirstTrains) {
  const NetworkSpec spec = TwoTables(400);
  const auto network = MakeNetwork(spec);
  const auto first = MakeTrainer(network, WithAlgorithm(AdamOptions{}, 0.02));
  const auto second = MakeTrainer(network, WithAlgorithm(AdamOptions{}, 0.02));
  for (std::uint64_t step = 0; step < 60; ++step) {
    ASSERT_THAT(first->Step(RandomBatch(spec, 5, step)), IsOk());
    if (step < 30) {
      ASSERT_THAT(second->Step(RandomBatch(spec, 5, 1000 + step)), IsOk());
    } else if (step == 30) {
      ASSERT_THAT(second->SetState(first->GetState()), IsOk());
    } else {
      ASSERT_THAT(second->Step(RandomBatch(spec, 5, step)), IsOk());
      EXPECT_EQ(second->StateHash(), first->StateHash());
    }
  }
}

TEST(TableUpdatesTest, GivenGradientsDoWhatABatchOfThemDoes) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    // Statistics of inputs are not moved by gradients.
    NetworkSpec spec = TwoTables(40, type);
    spec.input_normalization.reset();
    OptimizerSpec optimizer = WithAlgorithm(AdamOptions{}, 0.02);
    optimizer.clip_norm = 0.1;
    const auto by_batch = MakeTrainer(MakeNetwork(spec), optimizer);
    const auto by_gradients = MakeTrainer(MakeNetwork(spec), optimizer);
    const Network& network = by_gradients->network();
    for (std::uint64_t step = 0; step < 20; ++step) {
      const Batch batch = RandomBatch(spec, 16, step);
      const Snapshot snapshot = by_gradients->snapshot();
      Workspace workspace;
      network.Forward(snapshot.parameters(), batch.inputs, {.categories = &batch.categories},
                      &workspace);
      network.EvaluateLoss(batch.targets, batch.weights, &workspace);
      const Gradients gradients = GradientsOf(network, snapshot.parameters(), batch, &workspace);
      ASSERT_THAT(by_gradients->ApplyGradients(gradients.dense, gradients.tables), IsOk());
      ASSERT_THAT(by_batch->Step(batch), IsOk());
      EXPECT_EQ(by_gradients->StateHash(), by_batch->StateHash());
    }
  }
}

TEST(TableUpdatesTest, ClippingByNormCountsTheTables) {
  const NetworkSpec spec = TwoTables(40, DataType::kFloat64);
  const auto network = MakeNetwork(spec);
  constexpr double kClip = 2;
  OptimizerSpec optimizer = WithAlgorithm(SgdOptions{}, 1);
  optimizer.clip_norm = kClip;
  const auto trainer = MakeTrainer(network, optimizer);
  const Snapshot before = trainer->snapshot();
  Buffer dense(DataType::kFloat64, network->layout().dense_size());
  dense.Set(0, 2);
  // Each row of a table and both tables count.
  TableGradients tables{.rows = {{1, 7}, {29}}, .values = Buffer(DataType::kFloat64, 8)};
  const double values[] = {4, 0, -4, 0, 8, 0, 0, 10};
  for (std::int64_t i = 0; i < 8; ++i) tables.values.Set(i, values[i]);
  const double norm = std::sqrt(4 + 16 + 16 + 64 + 100);
  const auto updated = trainer->ApplyGradients(dense, tables);
  ASSERT_THAT(updated, IsOk());
  EXPECT_DOUBLE_EQ(updated->gradient_norm, norm);
  Buffer gradient = testing::WholeGradient(
      *network, {.dense = dense.Clone(), .tables = tables.Clone(), .inputs = {}});
  const Snapshot after = trainer->snapshot();
  for (std::int64_t i = 0; i < gradient.size(); ++i) {
    EXPECT_NEAR(before.parameters().At(i) - after.parameters().At(i),
                gradient.At(i) * kClip / (norm + 1e-6), 1e-12);
  }
}

// Gradients of one table alone, which overflow in it.
TEST(TableUpdatesTest, WhatIsNotFiniteInATableIsRefusedAndChangesNothing) {
  const NetworkSpec spec = TwoTables(40);
  const struct {
    const char* what;
    OptimizerOptions algorithm;
    double gradient;
    double learning_rate;
  } refusals[] = {
      {"the gradient", SgdOptions{}, std::nan(""), 0.1},
      {"the gradient", AdamOptions{}, HUGE_VAL, 0.1},
      {"a parameter", SgdOptions{.momentum = 0.9}, 1, 1e300},
      {"a parameter", AdamOptions{}, 1, 1e300},
      // Its square is beyond a float.
      {"the optimizer's state", AdamOptions{}, 1e30, 0.1},
      {"the optimizer's state", AdagradOptions{}, 1e30, 0.1},
  };
  for (const auto& refusal : refusals) {
    const auto trainer = MakeTrainer(MakeNetwork(spec), WithAlgorithm(refusal.algorithm, 0.1));
    const auto undisturbed = MakeTrainer(MakeNetwork(spec), WithAlgorithm(refusal.algorithm, 0.1));
    for (std::uint64_t step = 0; step < 6; ++step) {
      const Snapshot held = trainer->snapshot();
      const std::uint64_t before = trainer->StateHash();
      const Buffer dense(DataType::kFloat32, trainer->network().layout().dense_size());
      TableGradients tables{.rows = {{}, {static_cast<std::int32_t>(step), 29}},
                            .values = Buffer(DataType::kFloat32, 4)};
      tables.values.Set(3, refusal.gradient);
      const auto refused = trainer->ApplyGradients(dense, tables, refusal.learning_rate);
      EXPECT_THAT(refused, ReasonIs("NON_FINITE_UPDATE"));
      EXPECT_EQ(GetErrorDetails(refused.status()).metadata["what"], refusal.what);
      EXPECT_EQ(trainer->StateHash(), before);
      EXPECT_EQ(trainer->step(), static_cast<std::int64_t>(step));
      // And it goes on as if nothing had been asked.
      ASSERT_THAT(trainer->Step(RandomBatch(spec, 5, step)), IsOk());
      ASSERT_THAT(undisturbed->Step(RandomBatch(spec, 5, step)), IsOk());
      EXPECT_EQ(trainer->StateHash(), undisturbed->StateHash());
    }
  }
}

TEST(TableUpdatesTest, MemoryIsFreedAndMadeAgain) {
  const NetworkSpec spec = TwoTables(400);
  const auto trainer = MakeTrainer(MakeNetwork(spec), WithAlgorithm(AdamOptions{}, 0.02));
  const auto other = MakeTrainer(MakeNetwork(spec), WithAlgorithm(AdamOptions{}, 0.02));
  for (std::uint64_t step = 0; step < 20; ++step) {
    ASSERT_THAT(trainer->Step(RandomBatch(spec, 50, step)), IsOk());
    ASSERT_THAT(other->Step(RandomBatch(spec, 50, step)), IsOk());
    const std::size_t held = trainer->workspace_byte_size();
    trainer->FreeUnused();
    EXPECT_LT(trainer->workspace_byte_size(), held / 4);
    EXPECT_EQ(trainer->StateHash(), other->StateHash());
  }
}

}  // namespace
}  // namespace descent
