#include "client/cli/training/training_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/encoding/batches.h"
#include "client/cli/specs.h"
#include "client/descent/tensor.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pointee;

// 20 rows "a,c,y": a number, two categories, a numeric target.
std::string Rows(int first = 0) {
  std::string text = "a,c,y\n";
  for (int i = first; i < first + 20; ++i) {
    absl::StrAppend(&text, i, ",", i % 2 == 0 ? "even" : "odd", ",", 10 * i, "\n");
  }
  return text;
}

std::string ClassRows(int classes) {
  std::string text = "x,label\n";
  for (int i = 0; i < 4 * classes; ++i) absl::StrAppend(&text, i, ",c", i % classes, "\n");
  return text;
}

// Row after row, as a network gets them.
std::vector<float> InputsOf(const Dataset& dataset) {
  return client::TensorValues<float>(GatherInputs(dataset, AllRows(dataset.rows))).value();
}

v1::Loss LossOf(const char* name) { return ParseLoss(name).value(); }

TEST(PrepareNewDataTest, SplitsTheFile) {
  const TemporaryFile file(Rows());
  DataOptions options;
  options.csv = file.path();
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_EQ(data.training_rows.size(), 16U);
  EXPECT_EQ(data.test_rows.size(), 4U);
  EXPECT_EQ(data.dataset.features, 3);
  EXPECT_EQ(data.loss.kind(), v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  EXPECT_EQ(data.outputs, 1);
  EXPECT_EQ(data.encoding.fields, 3);
  EXPECT_TRUE(data.encoding.csv.header);
}

TEST(PrepareNewDataTest, TestsWithAnotherFile) {
  const TemporaryFile file(Rows());
  const TemporaryFile test("y,a,c\n5,1,odd\n7,2,prime\n");
  DataOptions options;
  options.csv = file.path();
  options.test_csv = test.path();
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_EQ(data.training_rows.size(), 20U);
  EXPECT_EQ(data.test_rows.size(), 2U);
  EXPECT_EQ(data.unknown.cells, 1);
  EXPECT_EQ(data.unknown.example, "prime");
}

TEST(PrepareNewDataTest, TakesAnyColumnForATargetAndLeavesOthersOut) {
  const TemporaryFile file(Rows());
  DataOptions options;
  options.csv = file.path();
  options.target = "1";
  options.ignored = {"c"};
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_EQ(data.encoding.target.name, "a");
  ASSERT_EQ(data.encoding.inputs.size(), 1U);
  EXPECT_EQ(data.encoding.inputs[0].name, "y");
}

TEST(PrepareNewDataTest, ChoosesTheLossByTheTarget) {
  const auto prepare = [](int classes) {
    const TemporaryFile file(ClassRows(classes));
    DataOptions options;
    options.csv = file.path();
    return PrepareNewData(options).value();
  };
  EXPECT_EQ(prepare(2).loss.kind(), v1::LOSS_KIND_BINARY_CROSS_ENTROPY);
  EXPECT_EQ(prepare(2).outputs, 1);
  EXPECT_EQ(prepare(3).loss.kind(), v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY);
  EXPECT_EQ(prepare(3).outputs, 3);
}

TEST(PrepareNewDataTest, NumbersCanBeClasses) {
  const TemporaryFile file("x,y\n1,2\n2,10\n3,2\n4,10\n5,2\n");
  DataOptions options;
  options.csv = file.path();
  options.loss = LossOf("softmax_cross_entropy");
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_THAT(data.encoding.target.classes(), Pointee(ElementsAre("2", "10")));
  EXPECT_EQ(data.outputs, 2);
}

TEST(PrepareNewDataTest, LeavesCountsAsTheyAre) {
  const TemporaryFile file(Rows());
  DataOptions options;
  options.csv = file.path();
  options.loss = LossOf("poisson");
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_EQ(data.dataset.targets[3], 30);
}

TEST(PrepareNewDataTest, GeneratesTestRowsOnTop) {
  DataOptions options;
  options.generator = "two-spirals";
  options.rows = 80;
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_EQ(data.training_rows.size(), 80U);
  EXPECT_EQ(data.test_rows.size(), 20U);
  EXPECT_EQ(data.loss.kind(), v1::LOSS_KIND_BINARY_CROSS_ENTROPY);
}

TEST(PrepareNewDataTest, DependsOnTheSeedAlone) {
  const TemporaryFile file(Rows());
  DataOptions options;
  options.csv = file.path();
  const TrainingData first = PrepareNewData(options).value();
  EXPECT_EQ(first.training_rows, PrepareNewData(options)->training_rows);
  options.seed = 1;
  EXPECT_NE(first.training_rows, PrepareNewData(options)->training_rows);
}

TEST(PrepareNewDataTest, RefusesWhatMakesNoSense) {
  const TemporaryFile file(Rows());
  const TemporaryFile classes(ClassRows(3));
  const auto refusal = [&](DataOptions options, ExitCode code) {
    if (options.csv.empty() && options.generator.empty()) options.csv = file.path();
    const absl::Status status = PrepareNewData(options).status();
    EXPECT_EQ(ExitCodeOf(status), code) << status;
    return Message(status);
  };
  DataOptions options;
  options.test_fraction = 1;
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("--test-fraction"));
  options = {};
  options.rows = 3;
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("goes with --generate alone"));
  options = {};
  options.generator = "friedman1";
  options.target = "y";
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("goes with --csv alone"));
  options = {};
  options.generator = "friedman1";
  options.rows = 0;
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("--rows must be at least 1"));
  options = {};
  options.target = "z";
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("--target: no column is called"));
  options = {};
  options.ignored = {"y"};
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("the target can't be left out"));
  options = {};
  options.ignored = {"a", "c"};
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("no column is left"));
  options = {};
  options.target = "c";
  options.loss = LossOf("mean_squared_error");
  EXPECT_THAT(refusal(options, ExitCode::kBadData), HasSubstr(":2:2: c holds numbers"));
  options = {};
  options.generator = "two-spirals";
  options.loss = LossOf("huber");
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("huber does not suit spiral"));
  options = {};
  options.csv = classes.path();
  options.loss = LossOf("binary_cross_entropy");
  EXPECT_THAT(refusal(options, ExitCode::kUsage), HasSubstr("use softmax_cross_entropy"));
}

TEST(PrepareNewDataTest, TakesZeroAndOneForClassesAndSaysSo) {
  std::string text = "x,y\n";
  for (int i = 0; i < 100; ++i) absl::StrAppend(&text, i, ",", i % 4 == 0 ? 1 : 0, "\n");
  const TemporaryFile file(text);
  DataOptions options;
  options.csv = file.path();
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_EQ(data.loss.kind(), v1::LOSS_KIND_BINARY_CROSS_ENTROPY);
  EXPECT_THAT(data.encoding.target.classes(), Pointee(ElementsAre("0", "1")));
  EXPECT_THAT(data.notes, ElementsAre(HasSubstr("taken for classes; --loss mean_squared_error")));
  EXPECT_EQ(data.test_rows.size(), 20U);

  options.loss = LossOf("mean_squared_error");
  const TrainingData numbers = PrepareNewData(options).value();
  EXPECT_EQ(numbers.encoding.target.classes(), nullptr);
  EXPECT_TRUE(numbers.notes.empty());
}

TEST(PrepareNewDataTest, MakesTheClassPositiveThatIsAskedFor) {
  const TemporaryFile file("x,y\n1,ok\n2,fraud\n3,ok\n4,fraud\n5,ok\n");
  DataOptions options;
  options.csv = file.path();
  EXPECT_EQ(PositiveClass(PrepareNewData(options)->encoding.target), "ok");
  options.positive = "fraud";
  const TrainingData data = PrepareNewData(options).value();
  EXPECT_EQ(PositiveClass(data.encoding.target), "fraud");
  EXPECT_THAT(data.dataset.targets, ElementsAre(0, 1, 0, 1, 0));
  options.positive = "theft";
  EXPECT_THAT(Message(PrepareNewData(options).status()),
              HasSubstr("--positive: \"theft\" is no class of y, which is one of fraud, ok"));
  options.target = "x";
  options.loss = LossOf("mean_squared_error");
  EXPECT_THAT(Message(PrepareNewData(options).status()), HasSubstr("x is a number"));
}

TEST(PrepareNewDataTest, KeepsDoublePrecisionForANetworkInFloat64) {
  const TemporaryFile file("x,y\n1,10\n2,20\n4,40\n");
  DataOptions options;
  options.csv = file.path();
  options.test_fraction = 0;
  options.float64 = true;
  const TrainingData data = PrepareNewData(options).value();
  const auto& number = std::get<NumberEncoding>(data.encoding.inputs[0].values).standardization;
  EXPECT_EQ(client::TensorValues<double>(GatherInputs(data.dataset, {0}))->front(),
            (1 - number.mean) / number.scale);
  EXPECT_EQ(data.dataset.targets[2],
            std::get<Standardization>(data.encoding.target.values).Encode(40));
}

TEST(PrepareNewDataTest, NamesTheLineOfANegativeCount) {
  std::string text = "x,y\n";
  for (int i = 0; i < 50; ++i) absl::StrAppend(&text, i, ",", i == 30 ? -1 : i, "\n");
  const TemporaryFile file(text);
  DataOptions options;
  options.csv = file.path();
  options.loss = LossOf("poisson");
  const absl::Status status = PrepareNewData(options).status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData);
  EXPECT_THAT(Message(status), HasSubstr(":32:2: y is -1, and poisson takes counts"));
}

// A model that was trained on a file.
v1::Model Trained(const TrainingData& data) {
  v1::Model model;
  model.mutable_network()->set_input_features(data.dataset.features);
  *model.mutable_network()->mutable_loss() = data.loss;
  model.mutable_network()->add_layers()->mutable_dense()->set_units(data.outputs);
  EXPECT_TRUE(KeepEncoding(data.encoding, &model).ok());
  return model;
}

class PrepareDataTest : public testing::Test {
 protected:
  PrepareDataTest() : first_(Rows()) {
    DataOptions options;
    options.csv = first_.path();
    model_ = Trained(PrepareNewData(options).value());
  }

  const TemporaryFile first_;
  v1::Model model_;
};

TEST_F(PrepareDataTest, EncodesAsTheFirstFile) {
  DataOptions options;
  options.csv = first_.path();
  const TrainingData first = PrepareNewData(options).value();
  EXPECT_EQ(InputsOf(PrepareData(options, model_)->dataset), InputsOf(first.dataset));
  EXPECT_EQ(PrepareData(options, model_)->training_rows, first.training_rows);

  // Other rows by the same statistics.
  const TemporaryFile second(Rows(100));
  options.csv = second.path();
  const TrainingData data = PrepareData(options, model_).value();
  const auto& number = std::get<NumberEncoding>(first.encoding.inputs[0].values).standardization;
  EXPECT_FLOAT_EQ(InputsOf(data.dataset)[0],
                  static_cast<float>((100 - number.mean) / number.scale));
}

TEST_F(PrepareDataTest, RefusesOtherColumns) {
  const TemporaryFile other("a,d,y\n1,even,3\n");
  DataOptions options;
  options.csv = other.path();
  EXPECT_THAT(Message(PrepareData(options, model_).status()),
              EndsWith(":1: no column is called \"c\", which the model was trained with"));
  options.csv = first_.path();
  options.target = "a";
  EXPECT_EQ(ExitCodeOf(PrepareData(options, model_).status()), ExitCode::kUsage);
  options.target = "3";
  options.ignored = {"c"};
  EXPECT_THAT(Message(PrepareData(options, model_).status()), HasSubstr("--ignore"));
  options.ignored.clear();
  options.categorical = {"a"};
  EXPECT_THAT(Message(PrepareData(options, model_).status()), HasSubstr("--categorical"));
  DataOptions generated;
  generated.generator = "friedman1";
  EXPECT_EQ(ExitCodeOf(PrepareData(generated, model_).status()), ExitCode::kBadData);
}

TEST_F(PrepareDataTest, ReadsNumbersAsTheyAreForAModelOfOthers) {
  v1::Model plain;
  plain.mutable_network()->set_input_features(2);
  plain.mutable_network()->mutable_loss()->set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  plain.mutable_network()->add_layers()->mutable_dense()->set_units(1);
  const TemporaryFile file("p,q,r\n1,2,3\n4,5,6\n");
  DataOptions options;
  options.csv = file.path();
  options.test_fraction = 0;
  options.target = "q";
  const TrainingData data = PrepareData(options, plain).value();
  EXPECT_THAT(InputsOf(data.dataset), ElementsAre(1, 3, 4, 6));
  EXPECT_THAT(data.dataset.targets, ElementsAre(2, 5));
}

}  // namespace
}  // namespace descent::cli
