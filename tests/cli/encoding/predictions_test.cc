#include "client/cli/encoding/predictions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/descent/tensor.h"

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

v1::Tensor Outputs(const std::vector<double>& values) {
  return client::VectorTensor<double>(values);
}

TEST(PredictionsTest, DecodesAnAnswersRows) {
  const Predictions predictions(WithTarget({"value", 0, Standardization{200, 50}}),
                                Network(1, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  const auto rows = predictions.DecodeAnswer(Outputs({-0.5, 1}), 2);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT((*rows)[1].values, ElementsAre(250));
}

TEST(PredictionsTest, RefusesAnAnswerThatIsNotOfItsRows) {
  const Predictions numbers(WithTarget({"value", 0, Standardization{200, 50}}),
                            Network(1, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  const Predictions classes(WithTarget({"class", 0, CategoryEncoding{{"a", "b", "c"}}}),
                            Network(3, v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY));
  const std::vector<std::vector<double>> wrong = {
      {}, {1}, {1, 2, 3, 4}, std::vector<double>(15, 0.5)};
  for (const std::vector<double>& values : wrong) {
    EXPECT_EQ(numbers.DecodeAnswer(Outputs(values), 5).status().code(),
              absl::StatusCode::kInternal);
    if (values.size() != 15) {
      EXPECT_EQ(classes.DecodeAnswer(Outputs(values), 5).status().code(),
                absl::StatusCode::kInternal);
    }
  }
  // Labels and network that do not go together, and a network of nothing.
  EXPECT_FALSE(Predictions(WithTarget({"class", 0, CategoryEncoding{{"a", "b", "c"}}}),
                           Network(4, v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY))
                   .DecodeAnswer(Outputs({1, 2, 3, 4}), 1)
                   .ok());
  EXPECT_FALSE(Predictions(WithTarget({"value", 0, Standardization{200, 50}}),
                           Network(0, v1::LOSS_KIND_MEAN_SQUARED_ERROR))
                   .DecodeAnswer(Outputs({}), 1)
                   .ok());
}

TEST(PredictionsTest, NamesTheLikelierOfTwoClasses) {
  const Predictions predictions(WithTarget({"income", 0, CategoryEncoding{{"<=50K", ">50K"}}}),
                                Network(1, v1::LOSS_KIND_BINARY_CROSS_ENTROPY));
  EXPECT_EQ(predictions.CsvHeader(), "income,probability of <=50K,probability of >50K (positive)");
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
