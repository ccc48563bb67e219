// What the program makes of columns that are embedded, and of models whose categorical inputs are
// of somebody else's making.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/descent/client.h"
#include "client/descent/tensor.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Not;

// Of a shop's own, without any order.
double PriceOf(int shop) { return 50 + 40 * std::sin(1.7 * shop * shop); }

// "Shop,x,price": the price depends on the shop, of which there are so many, and a little on x.
std::string Shops(int first, int count, int rows_of_each) {
  std::string text = "Shop,x,price\n";
  for (int i = 0; i < count * rows_of_each; ++i) {
    const int shop = first + i % count;
    const int x = i * 7 % 101;
    absl::StrAppend(&text, "shop ", shop, ",", x, ",", PriceOf(shop) + 0.1 * x, "\n");
  }
  return text;
}

// "shop,zip,label": a label for each shop, two columns of categories and nothing else.
std::string Labels(int count) {
  std::string text = "shop,zip,label\n";
  for (int i = 0; i < 20 * count; ++i) {
    const int shop = i % count;
    absl::StrAppend(&text, "s", shop, ",", i % 7, ",", PriceOf(shop) > 50 ? "dear" : "cheap", "\n");
  }
  return text;
}

class EmbedCommandTest : public CommandTest {
 protected:
  static client::Client Client() {
    client::ClientOptions options;
    options.target = address();
    return client::Client::Connect(options).value();
  }

  // A model that nobody has trained, with a categorical input.
  static void CreateOthers(const std::string& name, v1::Hashing hashing) {
    v1::Model model;
    model.set_name(name);
    model.mutable_network()->set_input_features(1);
    model.mutable_network()->add_layers()->mutable_dense()->set_units(1);
    model.mutable_network()->mutable_loss()->set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
    v1::CategoricalInput& shop = *model.mutable_network()->add_categorical_inputs();
    shop.set_name("shop");
    shop.set_buckets(1024);
    shop.set_dimension(4);
    shop.set_hashing(hashing);
    model.mutable_optimizer()->set_learning_rate(0.01);
    model.mutable_optimizer()->mutable_adam();
    const auto created = Client().CreateModel(model);
    ASSERT_TRUE(created.ok()) << created.status();
  }
};

TEST_F(EmbedCommandTest, LearnsAColumnOfTwoThousandCategories) {
  const TemporaryFile file(Shops(0, 2000, 10));
  const Result refused = Run({"train", "shops", "--csv", file.path()});
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.err, HasSubstr("take it as one categorical input with --embed"));

  const std::string plot = absl::StrCat(::testing::TempDir(), "embed.", getpid(), ".svg");
  const Result trained = Run({"train", "shops", "--csv", file.path(), "--embed=Shop", "--epochs=12",
                              "--plot", plot, "--json"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_THAT(trained.err,
              AllOf(HasSubstr("new model 65-64-64-1"),
                    HasSubstr("column Shop is one categorical input: its 2,000 categories become "
                              "vectors of 64 numbers, and share 32,768 rows of a table")));
  EXPECT_GE(trained.LastJson()["r2"], 0.95);
  EXPECT_EQ(trained.LastJson()["test_rows"], 4000);
  EXPECT_TRUE(std::filesystem::remove(plot));

  const Json evaluated = RunJson({"evaluate", "shops", "--csv", file.path()});
  EXPECT_GE(evaluated["r2"], 0.95);
  EXPECT_THAT(Run({"evaluate", "shops", "--csv", file.path()}).err,
              HasSubstr("these are the rows that shops was trained with"));
  EXPECT_THAT(RunJson({"predict", "shops", "--row=shop 12,50"})["prediction"].get<double>(),
              DoubleNear(PriceOf(12) + 5, 3));
  EXPECT_THAT(Run({"get", "shops"}).out, HasSubstr("categorical inputs shop 32,768 x 64"));
}

TEST_F(EmbedCommandTest, PredictsWhatTheServerSaysOfTheTexts) {
  const TemporaryFile file(Labels(50));
  const Result trained = Run({"train", "texts", "--csv", file.path(), "--embed=shop:4",
                              "--categorical=zip", "--embed=zip:2:2048", "--epochs=8"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  v1::PredictRequest request;
  request.set_model("texts");
  v1::CategoricalValues& shop = *request.add_categories();
  v1::CategoricalValues& zip = *request.add_categories();
  shop.set_name("shop");
  zip.set_name("zip");
  std::vector<std::string> rows = {"predict", "texts", "--json"};
  for (int i = 0; i < 60; ++i) {  // ten of them new
    shop.mutable_strings()->add_values(absl::StrCat("s", i));
    zip.mutable_strings()->add_values(absl::StrCat(i % 9));
    rows.push_back(absl::StrCat("--row=s", i, ",", i % 9, i % 2 == 0 ? ".0" : ""));
  }
  const auto answer = Client().Predict(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const std::vector<float> direct = client::TensorValues<float>(answer->outputs()).value();
  const Result predicted = Run(rows);
  ASSERT_EQ(predicted.Lines().size(), 60U) << predicted.err;
  for (size_t i = 0; i < 60; ++i) {
    const Json row = Json::parse(predicted.Lines()[i]);
    EXPECT_EQ(row["probabilities"]["dear"].get<double>(), direct[i]) << i;
    if (i >= 50) continue;
    EXPECT_EQ(row["prediction"], PriceOf(static_cast<int>(i)) > 50 ? "dear" : "cheap");
  }
}

TEST_F(EmbedCommandTest, LearnsNewCategoriesAsTheyTurnUp) {
  const TemporaryFile first(Shops(0, 60, 40));
  const TemporaryFile second(Shops(60, 60, 40));
  ASSERT_EQ(Run({"train", "online", "--csv", first.path(), "--embed=Shop", "--epochs=30"}).code, 0);
  const Json before = RunJson({"evaluate", "online", "--csv", second.path()});
  EXPECT_LE(before["r2"], 0.3);
  const Result again =
      Run({"train", "online", "--csv", second.path(), "--embed=Shop", "--epochs=30"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, AllOf(HasSubstr("going on with"), HasSubstr("shop 1,024 x "),
                               Not(HasSubstr("that training never saw"))));
  EXPECT_GE(RunJson({"evaluate", "online", "--csv", second.path()})["r2"], 0.9);
  // The rows of the first ones were left as they are.
  EXPECT_GE(RunJson({"evaluate", "online", "--csv", first.path()})["r2"], 0.5);

  const Result other = Run({"train", "online", "--csv", second.path(), "--embed=Shop:3"});
  EXPECT_EQ(other.code, 64);
  EXPECT_THAT(other.err, HasSubstr("--embed: the model is there already, and embeds Shop with"));
}

TEST_F(EmbedCommandTest, TakesEqualNumbersForOneCategoryAndMissingCellsForAnother) {
  std::string text = "code,y\n";
  for (int i = 0; i < 1200; ++i) {
    const int code = i % 12;
    const char* const spelled[] = {"", ".0", "e0"};
    absl::StrAppend(&text, code == 0 ? "" : absl::StrCat(code, spelled[i / 12 % 3]), ",",
                    PriceOf(code), "\n");
  }
  const TemporaryFile file(text);
  const Result trained = Run({"train", "codes", "--csv", file.path(), "--categorical=code",
                              "--embed=code", "--epochs=40"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_THAT(trained.err, HasSubstr("its 12 categories become vectors of 6 numbers"));
  const auto predict = [](const std::string& code) {
    return RunJson({"predict", "codes", absl::StrCat("--row=", code)})["prediction"].get<double>();
  };
  EXPECT_EQ(predict("3"), predict("3.00"));
  EXPECT_EQ(predict("3"), predict("+3"));
  EXPECT_THAT(predict("3"), DoubleNear(PriceOf(3), 10));
  EXPECT_EQ(predict("NA"), predict("?"));
  EXPECT_THAT(predict("?"), DoubleNear(PriceOf(0), 10));
  EXPECT_NE(predict("3"), predict("4"));
}

TEST_F(EmbedCommandTest, TellsTheGradientOfTables) {
  const TemporaryFile file(Shops(0, 30, 4));
  ASSERT_EQ(Run({"train", "slope", "--csv", file.path(), "--embed=Shop:3", "--epochs=2"}).code, 0);
  const Json gradient = RunJson({"gradient", "slope", "--row=shop 1,5,9", "--row=shop 2,6,9",
                                 "--row=shop 1,7,9", "--values"});
  ASSERT_EQ(gradient["sparse_gradients"].size(), 1U);
  const Json& table = gradient["sparse_gradients"][0];
  EXPECT_EQ(table["name"], "embeddings.shop");
  EXPECT_EQ(table["rows"].size(), 2U);
  EXPECT_EQ(table["values"].size(), 6U);
  EXPECT_GT(table["norm"], 0);
  const Result told = Run({"gradient", "slope", "--row=shop 1,5,9", "--parameter=embeddings.shop"});
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_THAT(told.out, AllOf(HasSubstr("embeddings.shop: 1 row, norm "), Not(HasSubstr("NAME"))));
}

TEST_F(EmbedCommandTest, GoesAlongWithAFileButNotIntoAGraph) {
  const TemporaryFile file(Shops(0, 30, 10));
  ASSERT_EQ(
      Run({"train", "filed", "--csv", file.path(), "--embed=Shop", "--normalize", "--epochs=1"})
          .code,
      0);
  const std::string path = absl::StrCat(::testing::TempDir(), "embed.", getpid(), ".onnx");
  const Result refused = Run({"export", "filed", path, "--with-preprocessing"});
  EXPECT_EQ(refused.code, 64);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("--with-preprocessing: the column Shop is embedded"),
                                 HasSubstr("train a model without --embed Shop")));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST_F(EmbedCommandTest, SaysWhatCanNotBeEmbedded) {
  const TemporaryFile file(Shops(0, 30, 10));
  struct Case {
    const char* option;
    const char* message;
  };
  for (const Case& each : std::vector<Case>{
           {"--embed=shp", "--embed: no column is called \"shp\""},
           {"--embed=x", "--embed: expected a column of categories, and x holds numbers"},
           {"--embed=price", "--embed: the target can't be embedded"},
           {"--embed=Shop:none", "--embed Shop:none: expected COLUMN, COLUMN:DIMENSION"},
       }) {
    const Result result = Run({"train", "never", "--csv", file.path(), each.option});
    EXPECT_EQ(result.code, 64) << each.option;
    EXPECT_THAT(result.err, HasSubstr(each.message));
  }
  const TemporaryFile labels(Labels(5));
  const Result normalised = Run({"train", "never", "--csv", labels.path(), "--embed=shop",
                                 "--categorical=zip", "--embed=zip", "--normalize"});
  EXPECT_EQ(normalised.code, 64);
  EXPECT_THAT(normalised.err, HasSubstr("--normalize: all columns are embedded"));
  EXPECT_EQ(Run({"get", "never"}).code, 1);
  EXPECT_THAT(Run({"train", "--help"}).out, HasSubstr("--embed COLUMN[:DIMENSION[:BUCKETS]]"));
}

TEST_F(EmbedCommandTest, GivesModelsOfOthersNoNonsense) {
  CreateOthers("others", v1::HASHING_XXH64);
  const TemporaryFile file("Shop,x,price\nu,1,2\nv,2,3\nu,3,4\nv,4,5\nu,5,6\n");
  const Result bare = Run({"train", "others", "--csv", file.path(), "--ignore=Shop"});
  EXPECT_EQ(bare.code, 65);
  EXPECT_THAT(bare.err, HasSubstr("no column is embedded, and the network's categorical inputs are "
                                  "shop 1,024 x 4"));
  const Result wide = Run({"train", "others", "--csv", file.path(), "--embed=Shop"});
  EXPECT_EQ(wide.code, 65);
  EXPECT_THAT(wide.err, HasSubstr("columns are embedded, with hashing, as shop 1,024 x 2"));
  // Trained elsewhere, it has nothing that says what its columns are.
  v1::Batch batch;
  *batch.mutable_inputs() = client::MatrixTensor<float>({1, 2}, 1);
  *batch.mutable_targets() = client::MatrixTensor<float>({1, 2}, 1);
  batch.add_categories()->set_name("shop");
  for (const char* text : {"u", "v"}) {
    batch.mutable_categories(0)->mutable_strings()->add_values(text);
  }
  ASSERT_TRUE(Client().Step("others", batch).ok());
  for (const char* command : {"predict", "evaluate", "gradient", "train"}) {
    const Result result = Run({command, "others", "--csv", file.path()});
    EXPECT_EQ(result.code, 1) << command;
    EXPECT_THAT(result.err, HasSubstr("others has categorical inputs (shop 1,024 x 4), and was not "
                                      "made by `descent train`"))
        << command;
  }
  // One that nobody has trained yet takes its columns from the file.
  CreateOthers("empty", v1::HASHING_XXH64);
  const Result described =
      Run({"train", "empty", "--csv", file.path(), "--embed=Shop:4:1024", "--epochs=1"});
  EXPECT_EQ(described.code, 0) << described.err;
  EXPECT_EQ(Run({"predict", "empty", "--row=w,3"}).code, 0);
  CreateOthers("ids", v1::HASHING_NONE);
  const Result ids = Run({"train", "ids", "--csv", file.path(), "--embed=Shop:4:1024"});
  EXPECT_EQ(ids.code, 65);
  EXPECT_THAT(ids.err, HasSubstr("shop 1,024 x 4 without hashing"));
}

}  // namespace
}  // namespace descent::cli
