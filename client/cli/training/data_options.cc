#include "client/cli/training/data_options.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"

namespace descent::cli {
namespace {

struct Option {
  std::string name;
  bool given;
};

}  // namespace

absl::Status CheckDataOptions(const DataOptions& options) {
  if (!(options.test_fraction >= 0 && options.test_fraction < 1)) {
    return UsageError("--test-fraction must be at least 0 and below 1");
  }
  const std::string file_option = options.file.FirstGiven();
  const std::array of_files = {
      Option{"--target", !options.target.empty()},
      Option{"--ignore", !options.ignored.empty()},
      Option{"--categorical", !options.categorical.empty()},
      Option{"--embed", !options.embedded.empty()},
      Option{"--positive", !options.positive.empty()},
      Option{"--test-csv", !options.test_csv.empty()},
      Option{file_option, !file_option.empty()},
  };
  const std::array of_generators = {
      Option{"--rows", options.rows.has_value()},
      Option{"--noise", options.noise.has_value()},
  };
  for (const Option& option : of_files) {
    if (!option.given || !options.csv.empty()) continue;
    return UsageError(absl::StrCat(
        option.name, " goes with --csv alone: made-up rows have columns of their own"));
  }
  for (const Option& option : of_generators) {
    if (!option.given || !options.generator.empty()) continue;
    return UsageError(absl::StrCat(option.name, " goes with --generate alone"));
  }
  return absl::OkStatus();
}

}  // namespace descent::cli
