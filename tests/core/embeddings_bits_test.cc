// Rows of networks with tables have the same bits in any batch, in any form and for any number of
// threads.

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/network.h"
#include "core/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/categorical_network.h"
#include "tests/support/random_categories.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::CategoricalNetwork;
using testing::CategoryForm;
using testing::Column;
using ::testing::ElementsAre;
using testing::IsOk;
using testing::MakeNetwork;
using testing::MakeTrainer;
using testing::Outputs;
using testing::RandomBatch;
using testing::RandomCategoryValues;
using testing::RandomMatrix;
using testing::SameBits;
using testing::TanhLayer;
using testing::WithAlgorithm;

Matrix RowOf(const Matrix& all, std::int64_t row) {
  Matrix one(all.type(), 1, all.cols());
  for (std::int64_t j = 0; j < all.cols(); ++j) one.Set(0, j, all.At(row, j));
  return one;
}

// What row `row` has, as a batch of its own.
CategoryValues RowOf(const CategoryValues& all, std::int64_t row) {
  CategoryValues one;
  if (!all.row_splits.empty()) one.row_splits = {0, all.begin(row + 1) - all.begin(row)};
  std::vector<double> weights;
  for (std::int64_t i = all.begin(row); i < all.begin(row + 1); ++i) {
    one.buckets.push_back(all.buckets[static_cast<std::size_t>(i)]);
    if (!all.weights.empty()) weights.push_back(all.weights.At(i, 0));
  }
  if (!weights.empty()) one.weights = Column(all.weights.type(), weights);
  return one;
}

// Widths around those of registers, and both combiners.
std::vector<CategoricalInputSpec> TablesOfAllWidths() {
  std::vector<CategoricalInputSpec> inputs;
  for (const std::int64_t dimension : {1, 3, 8, 16, 19, 33}) {
    for (const Combiner combiner : {Combiner::kSum, Combiner::kMean}) {
      inputs.push_back({.name = absl::StrCat("input", inputs.size()),
                        .buckets = 10,
                        .dimension = dimension,
                        .combiner = combiner});
    }
  }
  return inputs;
}

TEST(EmbeddingsBitsTest, ARowHasTheSameAloneAndInAnyBatch) {
  constexpr std::int64_t kRows = 37;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const NetworkSpec spec =
        CategoricalNetwork(2, TablesOfAllWidths(), {TanhLayer(9), TanhLayer(3)}, type);
    const auto network = MakeNetwork(spec);
    const Buffer parameters = network->InitialParameters();
    const Batch batch = RandomBatch(spec, kRows, 3);
    const Matrix together = Outputs(*network, parameters, batch.inputs, batch.categories);
    for (std::int64_t row = 0; row < kRows; ++row) {
      Categories alone;
      for (const CategoryValues& values : batch.categories) alone.push_back(RowOf(values, row));
      const Matrix inputs = RowOf(batch.inputs, row);
      ASSERT_THAT(network->ValidateCategories(alone, 1), IsOk());
      EXPECT_TRUE(SameBits(Outputs(*network, parameters, inputs, alone), RowOf(together, row)))
          << DataTypeName(type) << " row " << row;
    }
  }
}

TEST(EmbeddingsBitsTest, RowsOfBatchesOfEveryFormHaveTheSameWhenTheyArePutTogether) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const NetworkSpec spec =
        CategoricalNetwork(2, TablesOfAllWidths(), {TanhLayer(9), TanhLayer(3)}, type);
    const auto network = MakeNetwork(spec);
    const Buffer parameters = network->InitialParameters();
    // Each input with each form in some part; the last parts are rows without a category, and none.
    const std::int64_t rows[] = {3, 1, 8, 5, 2};
    constexpr CategoryForm kForms[] = {CategoryForm::kOneARow, CategoryForm::kWeightedBags,
                                       CategoryForm::kBags, CategoryForm::kOneARow};
    std::vector<Categories> parts(5);
    std::vector<Matrix> inputs;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      for (std::size_t i = 0; i < spec.categorical_inputs.size(); ++i) {
        if (p == 4) {
          parts[p].push_back({.buckets = {}, .row_splits = {0, 0, 0}, .weights = {}});
          continue;
        }
        parts[p].push_back(RandomCategoryValues(spec.categorical_inputs[i], type, rows[p],
                                                kForms[(p + i) % 4], 10 * p + i));
      }
      inputs.push_back(RandomMatrix(type, rows[p], 2, 100 + p));
    }
    // From any part on, so that what comes first is of any form, and with one part alone.
    for (std::size_t first = 0; first < parts.size(); ++first) {
      for (const std::size_t last : {first, parts.size() - 1}) {
        Categories all;
        for (std::size_t i = 0; i < spec.categorical_inputs.size(); ++i) {
          std::vector<const CategoryValues*> of_input;
          for (std::size_t p = first; p <= last; ++p) of_input.push_back(&parts[p][i]);
          all.push_back(Concatenate(of_input));
        }
        std::int64_t count = 0;
        for (std::size_t p = first; p <= last; ++p) count += rows[p];
        ASSERT_THAT(network->ValidateCategories(all, count), IsOk());
        Matrix all_inputs(type, count, 2);
        std::int64_t row = 0;
        for (std::size_t p = first; p <= last; ++p) {
          for (std::int64_t i = 0; i < rows[p]; ++i, ++row) {
            for (std::int64_t j = 0; j < 2; ++j) all_inputs.Set(row, j, inputs[p].At(i, j));
          }
        }
        const Matrix together = Outputs(*network, parameters, all_inputs, all);
        row = 0;
        for (std::size_t p = first; p <= last; ++p) {
          const Matrix apart = Outputs(*network, parameters, inputs[p], parts[p]);
          for (std::int64_t i = 0; i < rows[p]; ++i, ++row) {
            EXPECT_TRUE(SameBits(RowOf(apart, i), RowOf(together, row)))
                << "part " << p << " of " << first << " to " << last << ", row " << i;
          }
        }
      }
    }
  }
}

TEST(EmbeddingsBitsTest, PutTogetherTheFormStaysAsPlainAsThatOfTheParts) {
  const CategoryValues one{.buckets = {3, 1}, .row_splits = {}, .weights = {}};
  const CategoryValues bag{.buckets = {2}, .row_splits = {0, 0, 1}, .weights = {}};
  const CategoryValues plain = Concatenate({&one, &one});
  EXPECT_THAT(plain.buckets, ElementsAre(3, 1, 3, 1));
  EXPECT_TRUE(plain.row_splits.empty());
  EXPECT_TRUE(plain.weights.empty());
  const CategoryValues mixed = Concatenate({&one, &bag});
  EXPECT_THAT(mixed.buckets, ElementsAre(3, 1, 2));
  EXPECT_THAT(mixed.row_splits, ElementsAre(0, 1, 2, 2, 3));
  EXPECT_TRUE(mixed.weights.empty());
}

// Outputs, and after training all of the state.
TEST(EmbeddingsBitsTest, OneCategoryARowHasTheSameInAnyForm) {
  constexpr std::int64_t kRows = 23;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const NetworkSpec spec =
        CategoricalNetwork(2, TablesOfAllWidths(), {TanhLayer(9), TanhLayer(3)}, type);
    const auto network = MakeNetwork(spec);
    const OptimizerSpec optimizer = WithAlgorithm(AdamOptions{}, 0.01);
    auto plain = MakeTrainer(network, optimizer);
    auto with_splits = MakeTrainer(network, optimizer);
    auto with_weights = MakeTrainer(network, optimizer);
    for (std::uint64_t step = 0; step < 5; ++step) {
      Batch batch = RandomBatch(spec, kRows, step);
      for (std::size_t i = 0; i < batch.categories.size(); ++i) {
        batch.categories[i] = RandomCategoryValues(spec.categorical_inputs[i], type, kRows,
                                                   CategoryForm::kOneARow, 100 * step + i);
      }
      const auto outputs = [&] {
        return Outputs(*network, plain->snapshot().parameters(), batch.inputs, batch.categories);
      };
      const Matrix expected = outputs();
      const Snapshot before = plain->snapshot();
      ASSERT_THAT(plain->Step(batch), IsOk());
      for (CategoryValues& values : batch.categories) {
        for (std::int64_t i = 0; i <= kRows; ++i) values.row_splits.push_back(i);
      }
      EXPECT_TRUE(SameBits(Outputs(*network, before.parameters(), batch.inputs, batch.categories),
                           expected));
      ASSERT_THAT(with_splits->Step(batch), IsOk());
      for (CategoryValues& values : batch.categories) {
        values.weights = Column(type, std::vector<double>(kRows, 1));
      }
      ASSERT_THAT(network->ValidateBatch(batch), IsOk());
      EXPECT_TRUE(SameBits(Outputs(*network, before.parameters(), batch.inputs, batch.categories),
                           expected));
      ASSERT_THAT(with_weights->Step(batch), IsOk());
      EXPECT_EQ(with_splits->StateHash(), plain->StateHash());
      EXPECT_EQ(with_weights->StateHash(), plain->StateHash());
    }
  }
}

TEST(EmbeddingsBitsTest, BagsHaveTheSameWithUnitWeightsAndWithout) {
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    const NetworkSpec spec =
        CategoricalNetwork(0, TablesOfAllWidths(), {TanhLayer(9), TanhLayer(3)}, type);
    const auto network = MakeNetwork(spec);
    const OptimizerSpec optimizer = WithAlgorithm(AdamOptions{}, 0.01);
    auto plain = MakeTrainer(network, optimizer);
    auto with_weights = MakeTrainer(network, optimizer);
    for (std::uint64_t step = 0; step < 5; ++step) {
      Batch batch = RandomBatch(spec, 23, step);
      for (std::size_t i = 0; i < batch.categories.size(); ++i) {
        batch.categories[i] = RandomCategoryValues(spec.categorical_inputs[i], type, 23,
                                                   CategoryForm::kBags, 100 * step + i);
      }
      ASSERT_THAT(plain->Step(batch), IsOk());
      for (CategoryValues& values : batch.categories) {
        values.weights = Column(type, std::vector<double>(values.buckets.size(), 1));
      }
      ASSERT_THAT(with_weights->Step(batch), IsOk());
      EXPECT_EQ(with_weights->StateHash(), plain->StateHash());
    }
  }
}

// Rows and widths that are worth several threads: in passes, and in updates of tables too.
TEST(EmbeddingsBitsTest, AreTheSameForAnyNumberOfThreads) {
  constexpr std::int64_t kRows = 2500;
  for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
    NetworkSpec spec = CategoricalNetwork(
        4,
        {{.name = "one", .buckets = 5000, .dimension = 40},
         {.name = "bag", .buckets = 3000, .dimension = 33, .combiner = Combiner::kMean},
         {.name = "weighted", .buckets = 100, .dimension = 7}},
        {TanhLayer(64), TanhLayer(3)}, type);
    spec.input_normalization.emplace();
    const auto after = [&](int threads) {
      ThreadPool pool(threads);
      OptimizerSpec optimizer = WithAlgorithm(AdamOptions{}, 0.01);
      optimizer.clip_norm = 0.1;
      auto trainer = MakeTrainer(MakeNetwork(spec), optimizer, &pool);
      for (std::uint64_t step = 0; step < 4; ++step) {
        EXPECT_THAT(trainer->Step(RandomBatch(spec, kRows, 10 * step)), IsOk());
      }
      const Batch batch = RandomBatch(spec, kRows, 99);
      return std::pair(trainer->StateHash(),
                       Outputs(trainer->network(), trainer->snapshot().parameters(), batch.inputs,
                               batch.categories, &pool));
    };
    const auto [one, outputs_of_one] = after(1);
    for (const int threads : {2, 3}) {
      const auto [hash, outputs] = after(threads);
      EXPECT_EQ(hash, one) << threads << " threads, " << DataTypeName(type);
      EXPECT_TRUE(SameBits(outputs, outputs_of_one)) << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace descent
