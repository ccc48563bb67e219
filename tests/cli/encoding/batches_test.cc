#include "client/cli/encoding/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/descent/tensor.h"

namespace descent::cli {
namespace {

using client::TensorValues;
using testing::ElementsAre;

// A row's inputs are a number, and a number.
Dataset Example() {
  Dataset dataset;
  dataset.rows = 3;
  dataset.features = 2;
  dataset.inputs.resize(2);
  dataset.inputs[0].schema = {"a", ColumnKind::kNumber, 0};
  dataset.inputs[0].numbers = {1, 3, 5};
  dataset.inputs[1].schema = {"b", ColumnKind::kNumber, 3};
  dataset.inputs[1].numbers = {2, 4, 6};
  dataset.targets = {0, 1, 2};
  dataset.source = "rows.csv";
  dataset.lines = {2, 3, 5};
  return dataset;
}

const Dataset kDataset = Example();

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
  Dataset dataset = Example();
  dataset.features = 4;
  dataset.inputs[1].schema.kind = ColumnKind::kCategory;
  dataset.inputs[1].width = 3;
  dataset.inputs[1].codes = {2, kNoCategory, 0};
  EXPECT_THAT(TensorValues<float>(GatherInputs(dataset, {0, 1, 2})).value(),
              ElementsAre(1, 0, 0, 1,  //
                          3, 0, 0, 0,  //
                          5, 1, 0, 0));
}

TEST(BatchesTest, KeepsDoublePrecisionForANetworkInFloat64) {
  Dataset dataset = Example();
  dataset.float64 = true;
  dataset.inputs[0].numbers[0] = 1.0 / 3;
  dataset.targets[0] = 1.0 / 7;
  const v1::Batch batch = MakeBatch(dataset, {0}, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  EXPECT_EQ(batch.inputs().data_type(), v1::DATA_TYPE_FLOAT64);
  EXPECT_EQ(batch.targets().data_type(), v1::DATA_TYPE_FLOAT64);
  EXPECT_THAT(TensorValues<double>(batch.inputs()).value(), ElementsAre(1.0 / 3, 2));
  EXPECT_THAT(TensorValues<double>(batch.targets()).value(), ElementsAre(1.0 / 7));
}

TEST(BatchesTest, KnowsWhereAnInputStands) {
  Dataset dataset = Example();
  dataset.inputs[0].width = 3;
  EXPECT_EQ(dataset.ColumnOf(0).name, "a");
  EXPECT_EQ(dataset.ColumnOf(2).name, "a");
  EXPECT_EQ(dataset.ColumnOf(3).name, "b");
  EXPECT_EQ(ToString(dataset.PlaceOf(2, dataset.ColumnOf(3))), "rows.csv:5:4");
}

TEST(BatchesTest, MessagesHoldAtLeastARow) {
  EXPECT_EQ(RowsInMessage(1), (1 << 20) / 8);
  EXPECT_EQ(RowsInMessage(int64_t{1} << 40), 1);
}

// A number, and a column that is embedded.
Dataset Embedded() {
  Dataset dataset = Example();
  dataset.features = 1;
  EncodedColumn& column = dataset.inputs[1];
  column.schema.kind = ColumnKind::kCategory;
  column.numbers.clear();
  column.width = 0;
  column.input = "shop";
  column.texts = {"u", "v"};
  column.codes = {1, 0, 1};
  return dataset;
}

TEST(BatchesTest, SendsTheTextsOfEmbeddedColumns) {
  const v1::Batch batch = MakeBatch(Embedded(), {2, 1}, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  EXPECT_THAT(TensorValues<float>(batch.inputs()).value(), ElementsAre(5, 3));
  ASSERT_EQ(batch.categories_size(), 1);
  EXPECT_EQ(batch.categories(0).name(), "shop");
  EXPECT_FALSE(batch.categories(0).has_row_splits());
  EXPECT_THAT(batch.categories(0).strings().values(), ElementsAre("v", "u"));
  EXPECT_EQ(MakeBatch(kDataset, {0}, v1::LOSS_KIND_HUBER).categories_size(), 0);
}

TEST(BatchesTest, SendsNoNumbersWhereAllColumnsAreEmbedded) {
  Dataset dataset = Embedded();
  dataset.features = 0;
  dataset.inputs.erase(dataset.inputs.begin());
  const v1::Batch batch = MakeBatch(dataset, {0, 1, 2}, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  EXPECT_FALSE(batch.has_inputs());
  EXPECT_THAT(batch.categories(0).strings().values(), ElementsAre("v", "u", "v"));
}

TEST(BatchesTest, MessagesAreAsLongAsTheirTextsAllow) {
  Dataset dataset = Embedded();
  EXPECT_EQ(FirstMessage(dataset, {0, 1, 2}).size(), 3U);
  EXPECT_EQ(FirstMessage(dataset, {0}).size(), 1U);
  dataset.inputs[1].texts[1] = std::string(600'000, 'v');
  EXPECT_EQ(FirstMessage(dataset, {0, 1, 2}).size(), 2U);  // v and u, and another v is too much
  dataset.inputs[1].texts[1] = std::string(3'000'000, 'v');
  EXPECT_EQ(FirstMessage(dataset, {0, 1, 2}).size(), 1U);
  EXPECT_EQ(FirstMessage(dataset, {1, 1, 1}).size(), 3U);
  // Without texts, as many as RowsInMessage says.
  const std::vector<int64_t> rows(300'000);
  EXPECT_EQ(FirstMessage(kDataset, rows).size(), static_cast<size_t>(RowsInMessage(2)));
}

}  // namespace
}  // namespace descent::cli
