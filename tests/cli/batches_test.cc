#include "client/cli/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/descent/tensor.h"

namespace descent::cli {
namespace {

using client::TensorValues;
using testing::ElementsAre;

const Dataset kDataset = {
    .rows = 3,
    .features = 2,
    .inputs = {{.numbers = {1, 3, 5}, .codes = {}}, {.numbers = {2, 4, 6}, .codes = {}}},
    .targets = {0, 1, 2}};

TEST(BatchesTest, GathersRowsInTheOrderAskedFor) {
  const v1::Batch batch = MakeBatch(kDataset, {2, 0}, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  EXPECT_THAT(batch.inputs().shape(), ElementsAre(2, 2));
  EXPECT_EQ(batch.inputs().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_THAT(TensorValues<float>(batch.inputs()).value(), ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(batch.targets().shape(), ElementsAre(2, 1));
  EXPECT_THAT(TensorValues<float>(batch.targets()).value(), ElementsAre(2, 0));
}

TEST(BatchesTest, GivesClassesAsIndicesToSoftmax) {
  const v1::Batch batch = MakeBatch(kDataset, {1, 2}, v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY);
  EXPECT_THAT(batch.targets().shape(), ElementsAre(2));
  EXPECT_EQ(batch.targets().data_type(), v1::DATA_TYPE_INT64);
  EXPECT_THAT(TensorValues<int64_t>(batch.targets()).value(), ElementsAre(1, 2));
}

TEST(BatchesTest, SpreadsCategoriesOverTheirInputs) {
  const Dataset dataset = {.rows = 3,
                           .features = 4,
                           .inputs = {{.numbers = {7, 8, 9}, .codes = {}},
                                      {.width = 3, .numbers = {}, .codes = {2, kNoCategory, 0}}},
                           .targets = {}};
  EXPECT_THAT(TensorValues<float>(GatherInputs(dataset, {0, 1, 2})).value(),
              ElementsAre(7, 0, 0, 1,  //
                          8, 0, 0, 0,  //
                          9, 1, 0, 0));
}

TEST(BatchesTest, MessagesHoldAtLeastARow) {
  EXPECT_EQ(RowsInMessage(1), (1 << 20) / 8);
  EXPECT_EQ(RowsInMessage(int64_t{1} << 40), 1);
}

}  // namespace
}  // namespace descent::cli
