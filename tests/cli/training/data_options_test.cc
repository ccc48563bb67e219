#include "client/cli/training/data_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "client/cli/failure.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::StartsWith;

struct Given {
  const char* option;
  std::function<void(DataOptions*)> set;
};

const std::vector<Given>& OfFiles() {
  static const auto* all = new std::vector<Given>{
      {"--target", [](DataOptions* options) { options->target = "y"; }},
      {"--ignore", [](DataOptions* options) { options->ignored = {"a"}; }},
      {"--categorical", [](DataOptions* options) { options->categorical = {"a"}; }},
      {"--embed", [](DataOptions* options) { options->embedded = {"a"}; }},
      {"--positive", [](DataOptions* options) { options->positive = "yes"; }},
      {"--test-csv", [](DataOptions* options) { options->test_csv = "test.csv"; }},
      {"--header", [](DataOptions* options) { options->file.header = true; }},
      {"--no-header", [](DataOptions* options) { options->file.header = false; }},
      {"--delimiter", [](DataOptions* options) { options->file.delimiter = ';'; }},
      {"--decimal", [](DataOptions* options) { options->file.decimal = ','; }},
      {"--thousands", [](DataOptions* options) { options->file.thousands = '.'; }},
      {"--encoding", [](DataOptions* options) { options->file.charset = "latin1"; }},
      {"--missing", [](DataOptions* options) { options->file.missing = {"-"}; }},
      {"--not-missing", [](DataOptions* options) { options->file.not_missing = {"NA"}; }},
  };
  return *all;
}

TEST(CheckDataOptionsTest, RefusesOptionsOfFilesForMadeUpRowsEachByItsName) {
  for (const Given& given : OfFiles()) {
    DataOptions options;
    options.csv = "rows.csv";
    given.set(&options);
    EXPECT_TRUE(CheckDataOptions(options).ok()) << given.option;
    options.csv.clear();
    options.generator = "friedman1";
    const absl::Status status = CheckDataOptions(options);
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << given.option;
    EXPECT_THAT(Message(status), StartsWith(std::string(given.option) + " goes with --csv alone"));
  }
}

TEST(CheckDataOptionsTest, RefusesOptionsOfGeneratorsForFiles) {
  for (const Given& given : std::vector<Given>{
           {"--rows", [](DataOptions* options) { options->rows = 5; }},
           {"--noise", [](DataOptions* options) { options->noise = 1; }},
       }) {
    DataOptions options;
    options.generator = "friedman1";
    given.set(&options);
    EXPECT_TRUE(CheckDataOptions(options).ok()) << given.option;
    options.generator.clear();
    options.csv = "rows.csv";
    EXPECT_THAT(Message(CheckDataOptions(options)),
                StartsWith(std::string(given.option) + " goes with --generate alone"));
  }
}

TEST(CheckDataOptionsTest, RefusesFractionsOutOfRange) {
  for (const double fraction : {-0.1, 1.0, 2.0}) {
    DataOptions options;
    options.csv = "rows.csv";
    options.test_fraction = fraction;
    EXPECT_EQ(ExitCodeOf(CheckDataOptions(options)), ExitCode::kUsage) << fraction;
  }
}

}  // namespace
}  // namespace descent::cli
