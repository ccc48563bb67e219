#include "client/cli/encoding/model_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/encoding/encoding_json.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::Pointee;
using testing::UnorderedElementsAre;

v1::Model ModelOf(int64_t features, int64_t outputs, v1::LossKind loss) {
  v1::Model model;
  model.mutable_network()->set_input_features(features);
  model.mutable_network()->mutable_loss()->set_kind(loss);
  model.mutable_network()->add_layers()->mutable_dense()->set_units(outputs);
  return model;
}

Encoding OneNumber() {
  Encoding encoding;
  encoding.fields = 2;
  encoding.inputs = {{"x", 0, NumberEncoding{{1, 2}, 3}}};
  encoding.target = {"y", 1, Standardization{10, 4}};
  return encoding;
}

TEST(ModelDataTest, KeepsTheEncodingWithTheModel) {
  v1::Model model = ModelOf(1, 1, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  EXPECT_FALSE(HasEncoding(model));
  ASSERT_TRUE(KeepEncoding(OneNumber(), &model).ok());
  EXPECT_TRUE(HasEncoding(model));
  EXPECT_EQ(EncodingOf(model)->target.name, "y");
}

TEST(ModelDataTest, KeepsTheEncodingOfManyColumns) {
  Encoding encoding;
  encoding.fields = 785;
  for (int i = 0; i < 784; ++i) {
    encoding.inputs.push_back({absl::StrCat("pixel", i), i, NumberEncoding{{i / 7.0, 0.1 + i}, 0}});
  }
  encoding.target = {"y", 784, Standardization{10, 4}};
  v1::Model model = ModelOf(784, 1, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  ASSERT_TRUE(KeepEncoding(encoding, &model).ok());
  EXPECT_FALSE(model.labels().contains(kEncodingLabel));
  // As versions before client data did.
  v1::Model old = model;
  (*old.mutable_labels())[kEncodingLabel] = old.client_data();
  old.clear_client_data();
  EXPECT_EQ(EncodingOf(old)->inputs.size(), 784U);
  const Encoding kept = EncodingOf(model).value();
  EXPECT_EQ(kept.inputs.size(), 784U);
  EXPECT_EQ(std::get<NumberEncoding>(kept.inputs[783].values).standardization.mean, 783 / 7.0);
}

TEST(ModelDataTest, ModelsOfOthersGetAPlainEncoding) {
  const Encoding numbers = EncodingOf(ModelOf(3, 1, v1::LOSS_KIND_HUBER)).value();
  EXPECT_EQ(numbers.features(), 3);
  EXPECT_EQ(numbers.target.classes(), nullptr);
  EXPECT_FALSE(numbers.named);
  const Encoding classes = EncodingOf(ModelOf(3, 4, v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY)).value();
  EXPECT_THAT(classes.target.classes(), Pointee(ElementsAre("0", "1", "2", "3")));
  const Encoding binary = EncodingOf(ModelOf(3, 1, v1::LOSS_KIND_BINARY_CROSS_ENTROPY)).value();
  EXPECT_THAT(binary.target.classes(), Pointee(ElementsAre("0", "1")));
}

// Which would take memory by what the numbers say.
TEST(ModelDataTest, RefusesAnAnswerWithMoreInputsOrClassesThanATableHasColumns) {
  const v1::Model inputs = ModelOf(int64_t{1} << 34, 1, v1::LOSS_KIND_HUBER);
  EXPECT_THAT(Message(EncodingOf(inputs).status()), HasSubstr("17179869184 inputs"));
  const v1::Model negative = ModelOf(-1, 1, v1::LOSS_KIND_HUBER);
  EXPECT_THAT(Message(EncodingOf(negative).status()), HasSubstr("-1 inputs"));
  const v1::Model classes = ModelOf(3, int64_t{1} << 40, v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY);
  EXPECT_THAT(Message(EncodingOf(classes).status()), HasSubstr("1099511627776 classes"));
}

TEST(ModelDataTest, RefusesAnEncodingOfAnotherNetwork) {
  v1::Model model = ModelOf(2, 1, v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  ASSERT_TRUE(KeepEncoding(OneNumber(), &model).ok());
  EXPECT_THAT(Message(EncodingOf(model).status()), HasSubstr("is of 1 inputs and 0 classes"));
  model = ModelOf(1, 3, v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY);
  ASSERT_TRUE(KeepEncoding(OneNumber(), &model).ok());
  EXPECT_EQ(EncodingOf(model).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ModelDataTest, RefusesAnEncodingThatAModelCannotHold) {
  Encoding encoding = OneNumber();
  CategoryEncoding many;
  for (unsigned i = 0; i < 200'000; ++i) {
    many.categories.push_back(absl::StrCat(i * 2654435761u, i * 2246822519u, i * 3266489917u));
  }
  encoding.inputs.push_back({"name", 0, many});
  v1::Model model;
  const absl::Status status = KeepEncoding(encoding, &model);
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData);
  EXPECT_THAT(Message(status),
              HasSubstr("compressed more than the 2,097,152 that are kept with a model"));
}

TEST(ModelDataTest, ScalesMetricsToTheTargetsUnit) {
  google::protobuf::Map<std::string, double> metrics;
  metrics["rmse"] = 0.5;
  metrics["mae"] = 0.25;
  metrics["r2"] = 0.75;
  EXPECT_THAT(InOwnUnits(metrics, OneNumber().target),
              UnorderedElementsAre(Pair("rmse", 2), Pair("mae", 1), Pair("r2", 0.75)));
  const TargetEncoding classes{"c", 1, CategoryEncoding{{"a", "b"}}};
  EXPECT_EQ(InOwnUnits(metrics, classes).at("rmse"), 0.5);
}

TEST(ModelDataTest, ShowsTheMostImportantMetricsFirst) {
  EXPECT_EQ(MetricsText({{"mae", 34512}, {"r2", 0.7891}, {"rmse", 52341}}, OneNumber().target),
            "rmse 52,341  mae 34,512  r2 0.7891");
}

TEST(ModelDataTest, SaysWhichClassPrecisionAndRecallAreOf) {
  const TargetEncoding target{"label", 1, CategoryEncoding{{"fraud", "ok"}}};
  EXPECT_EQ(
      MetricsText({{"accuracy", 0.85}, {"f1", 0.66}, {"recall", 0.5}, {"log_loss", 0.31}}, target),
      "accuracy 0.8500  log_loss 0.3100  of ok:  f1 0.6600  recall 0.5000");
}

v1::Model WithTable(v1::Model model) {
  model.set_name("house");
  v1::CategoricalInput& shop = *model.mutable_network()->add_categorical_inputs();
  shop.set_name("shop");
  shop.set_buckets(1024);
  shop.set_dimension(8);
  shop.set_hashing(v1::HASHING_XXH64);
  return model;
}

TEST(ModelDataTest, KnowsNothingOfCategoricalInputsOfOthers) {
  const v1::Model model = WithTable(ModelOf(1, 1, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  const absl::Status status = EncodingOf(model).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status),
              HasSubstr("house has categorical inputs (shop 1,024 x 8), and was not "
                        "made by `descent train`"));
}

TEST(ModelDataTest, RefusesAnEncodingOfOtherTables) {
  v1::Model model = WithTable(ModelOf(1, 1, v1::LOSS_KIND_MEAN_SQUARED_ERROR));
  Encoding encoding = OneNumber();
  ASSERT_TRUE(KeepEncoding(encoding, &model).ok());
  EXPECT_THAT(Message(EncodingOf(model).status()),
              HasSubstr("by the encoding kept with the model no column is embedded"));
  encoding.inputs.push_back({"Shop", 0, EmbeddedEncoding{"shop", 8, 1024}});
  ASSERT_TRUE(KeepEncoding(encoding, &model).ok());
  EXPECT_TRUE(EncodingOf(model).ok()) << EncodingOf(model).status();
  model.mutable_network()->mutable_categorical_inputs(0)->set_dimension(9);
  EXPECT_EQ(EncodingOf(model).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace descent::cli
