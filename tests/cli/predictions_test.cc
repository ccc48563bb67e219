#include "client/cli/predictions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace descent::cli {
namespace {

using testing::ElementsAre;

v1::NetworkSpec Network(int64_t outputs, v1::LossKind loss) {
  v1::NetworkSpec network;
  network.mutable_loss()->set_kind(loss);
  network.add_layers()->mutable_dense()->set_units(outputs);
  return network;
}

Encoding WithTarget(TargetEncoding target) {
  Encoding encoding;
  encoding.target = std::move(target);
  return encoding;
}

TEST(PredictionsTest, UndoesTheStandardisation) {
  const Predictions predictions(WithTarget({"value", 0, Standardization{200, 50}}),
                                Network(1, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  const Prediction prediction = predictions.Decode({-0.5});
  EXPECT_THAT(prediction.values, ElementsAre(175));
  EXPECT_EQ(predictions.CsvHeader(), "value");
  EXPECT_EQ(predictions.CsvRecord(prediction), "175");
  EXPECT_EQ(predictions.Json(3, prediction).dump(), R"({"row":3,"prediction":175.0})");
}

TEST(PredictionsTest, PrintsTheDigitsOfALargeTarget) {
  const Predictions large(WithTarget({"id", 0, Standardization{1e15 + 0.5, 2}}),
                          Network(1, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  EXPECT_EQ(large.CsvRecord(large.Decode({0.25})), "1000000000000001");
  v1::NetworkSpec network = Network(1, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  network.set_data_type(v1::DATA_TYPE_FLOAT64);
  const Predictions precise(WithTarget({"x", 0, Standardization{0, 1}}), network);
  EXPECT_EQ(precise.CsvRecord(precise.Decode({1.0 / 3})), "0.3333333333333333");
}

TEST(PredictionsTest, NamesTheLikelierOfTwoClasses) {
  const Predictions predictions(WithTarget({"income", 0, CategoryEncoding{{"<=50K", ">50K"}}}),
                                Network(1, v1::LOSS_KIND_BINARY_CROSS_ENTROPY));
  EXPECT_EQ(predictions.CsvHeader(), "income,probability of <=50K,probability of >50K");
  EXPECT_EQ(predictions.CsvRecord(predictions.Decode({0.75})), ">50K,0.25,0.75");
  EXPECT_EQ(predictions.CsvRecord(predictions.Decode({0.25})), "<=50K,0.75,0.25");
}

TEST(PredictionsTest, NamesTheLikeliestOfManyClasses) {
  const Predictions predictions(WithTarget({"c", 0, CategoryEncoding{{"a", "b", "c, d"}}}),
                                Network(3, v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY));
  const Prediction prediction = predictions.Decode({0.25, 0.125, 0.625});
  EXPECT_EQ(predictions.CsvHeader(), "c,probability of a,probability of b,\"probability of c, d\"");
  EXPECT_EQ(predictions.CsvRecord(prediction), "\"c, d\",0.25,0.125,0.625");
  EXPECT_EQ(predictions.Json(1, prediction).dump(),
            R"({"row":1,"prediction":"c, d","probabilities":{"a":0.25,"b":0.125,"c, d":0.625}})");
}

TEST(PredictionsTest, PrintsAllOutputsOfAModelOfSeveral) {
  Encoding encoding = PlainEncoding(2, 0, 2);
  const Predictions predictions(encoding, Network(2, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  EXPECT_EQ(predictions.CsvHeader(), "output 1,output 2");
  EXPECT_EQ(predictions.CsvRecord(predictions.Decode({1.5, -2})), "1.5,-2");
  EXPECT_EQ(predictions.Json(1, predictions.Decode({1.5, -2})).dump(),
            R"({"row":1,"prediction":[1.5,-2.0]})");
}

TEST(PredictionsTest, CallsANamelessTargetAPrediction) {
  const Predictions predictions(PlainEncoding(2, 0, 2),
                                Network(1, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  EXPECT_EQ(predictions.CsvHeader(), "prediction");
}

TEST(CsvFieldTest, QuotesWhatNeedsIt) {
  EXPECT_EQ(CsvField("plain text"), "plain text");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(CsvField(" a"), "\" a\"");
  EXPECT_EQ(CsvField(""), "\"\"");
}

}  // namespace
}  // namespace descent::cli
