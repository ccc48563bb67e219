// The same bits, always: hashes and bytes are compared, never with a tolerance.

#include <cstring>
#include <memory>
#include <variant>
#include <vector>

#include "core/layers/kinds.h"
#include "core/network.h"
#include "core/trainer.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "tests/support/random_network.h"

namespace descent {
namespace {

using ::descent::testing::DenseNetwork;
using ::descent::testing::MakeNetwork;
using ::descent::testing::RandomBatch;
using ::descent::testing::RandomMatrix;

struct Case {
  const char* name;
  std::int64_t inputs;
  std::vector<std::int64_t> widths;
  ActivationSpec activation;
  LossSpec loss;
  std::int64_t rows;
};

// Small enough for one thread, large enough for the pool, and every kind of edge between.
const Case kCases[] = {
    {"tiny", 13, {64, 1}, ReluActivation{}, MeanSquaredErrorLoss{}, 32},
    {"odd", 7, {33, 19, 3}, GeluActivation{}, HuberLoss{}, 41},
    {"classes", 100, {130, 10}, TanhActivation{}, SoftmaxCrossEntropyLoss{}, 200},
    {"wide", 784, {512, 256, 10}, ReluActivation{}, SoftmaxCrossEntropyLoss{}, 128},
};

OptimizerSpec Adam() {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 1e-3;
  optimizer.algorithm = AdamOptions{};
  optimizer.clip_norm = 1;
  return optimizer;
}

std::uint64_t HashAfterTraining(const NetworkSpec& spec, std::int64_t rows, int threads) {
  ThreadPool pool(threads);
  auto trainer = Trainer::Create(MakeNetwork(spec), Adam(), &pool);
  EXPECT_TRUE(trainer.ok());
  for (std::uint64_t step = 0; step < 12; ++step) {
    EXPECT_TRUE((*trainer)->Step(RandomBatch(spec, rows, step)).ok());
  }
  return (*trainer)->StateHash();
}

TEST(DeterminismTest, OneHashForAnyNumberOfThreads) {
  for (const Case& c : kCases) {
    for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
      const NetworkSpec spec = DenseNetwork(c.inputs, c.widths, c.activation, c.loss, type);
      const std::uint64_t one = HashAfterTraining(spec, c.rows, 1);
      for (const int threads : {2, 3, 8}) {
        EXPECT_EQ(HashAfterTraining(spec, c.rows, threads), one)
            << c.name << " with " << threads << " threads, " << DataTypeName(type);
      }
    }
  }
}

// Rows and widths that are worth several threads.
TEST(DeterminismTest, OneHashForAnyNumberOfThreadsWithEveryKindOfLayer) {
  for (const LayerInfo& info : Layers()) {
    // The example keeps a width of 5; others do what is done to any width.
    LayerSpec layer = info.example;
    if (auto* dense = std::get_if<DenseSpec>(&layer)) dense->units = 300;
    if (std::holds_alternative<ResidualSpec>(layer)) {
      layer = ResidualSpec{{LayerNormSpec{}, DenseSpec{.units = 300}}};
    }
    NetworkSpec spec;
    spec.input_features = 70;
    spec.layers = {DenseSpec{.units = 300, .activation = GeluActivation{}}, layer,
                   ResidualSpec{{layer}}, DenseSpec{.units = 3}};
    spec.input_normalization.emplace();
    const std::uint64_t one = HashAfterTraining(spec, /*rows=*/700, 1);
    for (const int threads : {2, 3, 8}) {
      EXPECT_EQ(HashAfterTraining(spec, /*rows=*/700, threads), one)
          << info.name << " with " << threads << " threads";
    }
  }
}

// A row alone, and among others, for everything but training passes.
TEST(DeterminismTest, ARowsOutputsAreTheSameInAnyBatchWithEveryKindOfLayer) {
  for (const LayerInfo& info : Layers()) {
    NetworkSpec spec;
    spec.input_features = 5;
    spec.layers = {info.example, ResidualSpec{{info.example}}};
    spec.input_normalization.emplace();
    const auto network = MakeNetwork(spec);
    InputStatistics statistics(5);
    statistics.Merge(*spec.input_normalization, RandomMatrix(spec.data_type, 50, 5, 3));
    const Buffer parameters = network->InitialParameters();
    const Matrix all = RandomMatrix(spec.data_type, 33, 5, 4);
    Workspace together;
    network->Forward(parameters, all, {.statistics = &statistics}, &together);
    for (std::int64_t i = 0; i < all.rows(); ++i) {
      Matrix row(spec.data_type, 1, 5);
      for (std::int64_t j = 0; j < 5; ++j) row.Set(0, j, all.At(i, j));
      Workspace alone;
      network->Forward(parameters, row, {.statistics = &statistics}, &alone);
      for (std::int64_t j = 0; j < 5; ++j) {
        EXPECT_EQ(alone.outputs().At(0, j), together.outputs().At(i, j)) << info.name;
      }
    }
  }
}

TEST(DeterminismTest, GoingOnFromASavedStateGivesTheSameHash) {
  const Case& c = kCases[1];
  const NetworkSpec spec =
      DenseNetwork(c.inputs, c.widths, c.activation, c.loss, DataType::kFloat32);
  const auto network = MakeNetwork(spec);
  auto straight = *Trainer::Create(network, Adam(), nullptr);
  auto first_half = *Trainer::Create(network, Adam(), nullptr);
  auto second_half = *Trainer::Create(network, Adam(), nullptr);
  for (std::uint64_t step = 0; step < 10; ++step) {
    const Batch batch = RandomBatch(spec, c.rows, step);
    ASSERT_TRUE(straight->Step(batch).ok());
    if (step == 5) {
      ASSERT_TRUE(second_half->SetState(first_half->GetState()).ok());
    }
    ASSERT_TRUE((step < 5 ? first_half : second_half)->Step(batch).ok());
  }
  EXPECT_EQ(second_half->step(), 10);
  EXPECT_EQ(second_half->StateHash(), straight->StateHash());
}

TEST(DeterminismTest, TheHashTellsStatesApart) {
  const NetworkSpec spec =
      DenseNetwork(4, {3, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32);
  auto trainer = *Trainer::Create(MakeNetwork(spec), Adam(), nullptr);
  const std::uint64_t before = trainer->StateHash();
  EXPECT_EQ(trainer->StateHash(), before);
  TrainerState state = trainer->GetState();
  state.slots[1].data<float>()[0] = 1e-30F;
  ASSERT_TRUE(trainer->SetState(std::move(state)).ok());
  EXPECT_NE(trainer->StateHash(), before);
}

// Outputs of `inputs`, computed on `pool`.
Matrix Outputs(const Network& network, const Buffer& parameters, const Matrix& inputs,
               ThreadPool* pool) {
  Workspace workspace;
  network.Forward(parameters, inputs, {.pool = pool}, &workspace);
  return workspace.outputs().Clone();
}

bool SameRow(const Matrix& a, std::int64_t i, const Matrix& b, std::int64_t j) {
  const std::size_t width = static_cast<std::size_t>(a.cols()) * ByteWidth(a.type());
  return std::memcmp(a.buffer().bytes() + static_cast<std::size_t>(i) * width,
                     b.buffer().bytes() + static_cast<std::size_t>(j) * width, width) == 0;
}

TEST(DeterminismTest, ARowHasTheSameBitsAloneInAnyBatchAtAnyPlace) {
  ThreadPool pool(3);
  for (const Case& c : kCases) {
    for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
      const auto network =
          MakeNetwork(DenseNetwork(c.inputs, c.widths, c.activation, c.loss, type));
      const Buffer parameters = network->InitialParameters();
      const Matrix batch = RandomMatrix(type, 150, c.inputs, 7);
      const Matrix together = Outputs(*network, parameters, batch, &pool);
      for (const std::int64_t place : {0, 1, 5, 6, 23, 24, 95, 96, 149}) {
        // Alone.
        Matrix row(type, 1, c.inputs);
        for (std::int64_t j = 0; j < c.inputs; ++j) row.Set(0, j, batch.At(place, j));
        EXPECT_TRUE(SameRow(Outputs(*network, parameters, row, nullptr), 0, together, place))
            << c.name << " alone, row " << place;
        // Behind other rows, in batches of other sizes.
        for (const std::int64_t rows : {2, 7, 30, 101}) {
          Matrix other = RandomMatrix(type, rows, c.inputs, 99);
          for (std::int64_t j = 0; j < c.inputs; ++j) other.Set(rows - 1, j, batch.At(place, j));
          EXPECT_TRUE(
              SameRow(Outputs(*network, parameters, other, nullptr), rows - 1, together, place))
              << c.name << " behind " << rows - 1 << ", row " << place;
        }
      }
    }
  }
}

RC_GTEST_PROP(DeterminismProperty, PermutingRowsPermutesOutputsBitForBit, ()) {
  const auto inputs = *rc::gen::inRange<std::int64_t>(1, 40);
  const auto widths = *rc::gen::container<std::vector<std::int64_t>>(
      *rc::gen::inRange<std::size_t>(1, 4), rc::gen::inRange<std::int64_t>(1, 70));
  const auto rows = *rc::gen::inRange<std::int64_t>(1, 80);
  const auto shift = *rc::gen::inRange<std::int64_t>(0, rows);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const auto network = MakeNetwork(DenseNetwork(inputs, widths, SiluActivation{},
                                                MeanSquaredErrorLoss{}, DataType::kFloat32, seed));
  const Buffer parameters = network->InitialParameters();
  const Matrix batch = RandomMatrix(DataType::kFloat32, rows, inputs, seed);
  Matrix rotated(DataType::kFloat32, rows, inputs);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < inputs; ++j) rotated.Set((i + shift) % rows, j, batch.At(i, j));
  }
  const Matrix plain = Outputs(*network, parameters, batch, nullptr);
  const Matrix moved = Outputs(*network, parameters, rotated, nullptr);
  for (std::int64_t i = 0; i < rows; ++i) {
    RC_ASSERT(SameRow(plain, i, moved, (i + shift) % rows));
  }
}

}  // namespace
}  // namespace descent
