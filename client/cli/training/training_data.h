// The rows a run learns from and is judged by, encoded for its model.

#ifndef CLIENT_CLI_TRAINING_TRAINING_DATA_H_
#define CLIENT_CLI_TRAINING_TRAINING_DATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/encoding/encoding.h"
#include "client/cli/encoding/model_data.h"
#include "client/cli/training/data_options.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network.pb.h"

namespace descent::cli {

struct TrainingData {
  Encoding encoding;
  v1::Loss loss;
  int64_t outputs = 1;  // of a network for it

  Dataset dataset;
  std::vector<int64_t> training_rows;   // of the data set
  std::optional<Dataset> test_dataset;  // of the file to test with, if there is one
  std::vector<int64_t> test_rows;       // of test_dataset, or else of the data set
  UnknownCategories unknown;
  std::vector<std::string> notes;  // what its owner should know about the data
};

// Reads and encodes the data for a new model: fits an encoding to the training rows. Without a
// loss, a numeric target that looks like classes is taken for them (target_choice.h), and the loss
// is DefaultLoss's. Test rows of classes are drawn class by class.
absl::StatusOr<TrainingData> PrepareNewData(const DataOptions& options);

// Reads and encodes the data for a model that is there already, by its encoding. A data error if
// the columns are others, a usage error if the target is.
absl::StatusOr<TrainingData> PrepareData(const DataOptions& options, const v1::Model& model);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TRAINING_TRAINING_DATA_H_
