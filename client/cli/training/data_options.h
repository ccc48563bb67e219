// Where a run's rows come from, and what its owner says of them.

#ifndef CLIENT_CLI_TRAINING_DATA_OPTIONS_H_
#define CLIENT_CLI_TRAINING_DATA_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/tables/file_inference.h"
#include "descent/v1/network.pb.h"

namespace descent::cli {

// Exactly one of `csv` and `generator` is set.
struct DataOptions {
  std::string csv;
  std::string generator;
  std::optional<int64_t> rows;  // of the generator, to learn from; default 10,000
  std::optional<double> noise;  // of the generator
  std::string target;           // column by name or number; empty: the last
  std::vector<std::string> ignored;
  std::vector<std::string> categorical;  // columns that hold categories, whatever they look like
  std::vector<std::string> embedded;     // columns to embed, with sizes (embed_option.h)
  // Of two classes, the one that precision and recall are of; empty: the last.
  std::string positive;
  FileOptions file;
  std::string test_csv;  // if set, all of `csv` is learnt from
  // Otherwise: the share of all rows that is for testing. A file's are drawn by the seed; a
  // generator makes them on top of `rows`.
  double test_fraction = 0.2;
  std::optional<v1::Loss> loss;  // for a new model; unset: what suits the target
  bool float64 = false;          // whether a new model computes in double precision
  uint64_t seed = 0;
};

// A usage error if an option is out of range, or was given and would be of no use: of files with
// a generator, or the other way round.
absl::Status CheckDataOptions(const DataOptions& options);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TRAINING_DATA_OPTIONS_H_
