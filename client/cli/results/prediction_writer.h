// Predictions as a table, in any of the formats of results.

#ifndef CLIENT_CLI_RESULTS_PREDICTION_WRITER_H_
#define CLIENT_CLI_RESULTS_PREDICTION_WRITER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/encoding/predictions.h"
#include "client/cli/results/output_file.h"
#include "client/cli/results/result_format.h"

namespace descent::cli {

class PredictionWriter {
 public:
  // Where the bytes of a table go.
  using Sink = std::function<absl::Status(absl::string_view bytes)>;

  // CSV, TSV or JSON lines: columns as Predictions::Names has them, behind the `kept` ones. An
  // object has no two keys alike: what is predicted is called "predicted x" where x is kept. All
  // that is given must outlive the writer.
  static std::unique_ptr<PredictionWriter> Text(ResultFormat format, const Predictions& predictions,
                                                std::vector<std::string> kept, Sink sink);

  // An array of float64: [rows] of one number a row, [rows, outputs] of more. Classes are records
  // with the fields of Predictions::Names, a text and a probability for each. A usage error if
  // cells are to be kept, for which there is no room, if the file can't be gone back to, or if
  // there are more classes than NumPy reads names of.
  static absl::StatusOr<std::unique_ptr<PredictionWriter>> Array(
      const Predictions& predictions, const std::vector<std::string>& kept, OutputFile* file);

  virtual ~PredictionWriter() = default;

  // Before the first row.
  virtual absl::Status Begin() = 0;
  // `kept` are the cells of the kept columns.
  virtual absl::Status Add(const std::vector<std::string>& kept, const Prediction& prediction) = 0;
  // Behind the last.
  virtual absl::Status End() = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_RESULTS_PREDICTION_WRITER_H_
