// The program on the real data sets, where they are: in $DESCENT_DATA or beside the repository.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace descent::cli {
namespace {

using descent::testing::BinaryDir;
using descent::testing::Process;
using descent::testing::SourceDir;
using Json = nlohmann::json;

std::string DataFile(const std::string& name) {
  const char* directory = std::getenv("DESCENT_DATA");
  return (directory != nullptr ? std::string(directory) : SourceDir() + "/../shared/data") + "/" +
         name;
}

#define SKIP_WITHOUT(file)                                            \
  if (!std::filesystem::exists(DataFile(file))) {                     \
    GTEST_SKIP() << DataFile(file) << " is not there (DESCENT_DATA)"; \
  }

// Trains against a server of its own and returns the last line.
Json Train(std::vector<std::string> arguments) {
  Process server({BinaryDir() + "/bin/descentd", "--listen=127.0.0.1:0", "--in-memory"});
  const std::string address = server.AwaitLine("listening on ");
  arguments.insert(arguments.begin(), {BinaryDir() + "/bin/descent", "train", "data", "--json"});
  Process client(arguments, {{"DESCENT_SERVER", address}});
  EXPECT_EQ(client.Wait(), 0) << client.ErrorOutput();
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  const std::vector<std::string> lines = absl::StrSplit(client.Output(), '\n', absl::SkipEmpty());
  return Json::parse(lines.back());
}

// PyTorch 1.13 gives 0.785 to 0.795.
TEST(DataTest, LearnsCaliforniaHousing) {
  SKIP_WITHOUT("california_housing.csv");
  const Json result =
      Train({"--csv", DataFile("california_housing.csv"), "--target=median_house_value",
             "--layers=64,64", "--activation=relu", "--loss=mean_squared_error", "--optimizer=adam",
             "--learning-rate=1e-3", "--batch=64", "--epochs=30", "--test-fraction=0.2"});
  EXPECT_EQ(result["training_rows"], 16512);
  EXPECT_EQ(result["test_rows"], 4128);
  EXPECT_GE(result["r2"], 0.78);
  EXPECT_LE(result["rmse"], 55000);
}

// PyTorch 1.13 gives 0.854 to 0.858.
TEST(DataTest, LearnsAdult) {
  SKIP_WITHOUT("adult_train.csv");
  const Json result =
      Train({"--csv", DataFile("adult_train.csv"), "--no-header", "--test-csv",
             DataFile("adult_test.csv"), "--target=15", "--layers=64", "--epochs=10"});
  EXPECT_EQ(result["training_rows"], 32561);
  EXPECT_EQ(result["test_rows"], 16281);
  EXPECT_GE(result["accuracy"], 0.852);
  EXPECT_GE(result["roc_auc"], 0.9);
}

struct TableCase {
  const char* file;
  const char* target;
  const char* metric;
  double least;
};

class TablesTest : public ::testing::TestWithParam<TableCase> {};

// With no option but the target: what scikit-learn 1.2 gives with the same network, within 0.02. Of
// modechoice its README has 0.923, which scikit-learn 1.9 does not come to: over the same 20 splits
// it gives 0.851 (deviation 0.025, at most 0.887), and `descent` 0.849 (0.021, at most 0.881); in
// 200 epochs 0.885 and 0.886.
TEST_P(TablesTest, AreLearntFromAsTheyAre) {
  const std::string file = std::string("tables/") + GetParam().file;
  SKIP_WITHOUT(file);
  double sum = 0;
  for (const char* seed : {"0", "1", "2"}) {
    const Json result =
        Train({"--csv", DataFile(file), "--target", GetParam().target, "--seed", seed});
    sum += result[GetParam().metric].get<double>();
  }
  EXPECT_GE(sum / 3, GetParam().least);
}

INSTANTIATE_TEST_SUITE_P(Real, TablesTest,
                         ::testing::Values(TableCase{"penguins.csv", "species", "accuracy", 0.975},
                                           TableCase{"penguins.csv", "body_mass_g", "r2", 0.833},
                                           TableCase{"modechoice.csv", "choice", "accuracy", 0.833},
                                           TableCase{"anes96.csv", "vote", "accuracy", 0.88},
                                           TableCase{"digits.csv.gz", "65", "accuracy", 0.95},
                                           TableCase{"star98.csv", "MATHTOT", "r2", 0.611}),
                         [](const auto& test) {
                           std::string name = test.param.target;
                           name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
                           return name;
                         });

}  // namespace
}  // namespace descent::cli
