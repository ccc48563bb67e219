// Where the predictions of `descent predict` go: to standard output, or into a file.

#ifndef CLIENT_CLI_COMMANDS_PREDICTION_OUTPUT_H_
#define CLIENT_CLI_COMMANDS_PREDICTION_OUTPUT_H_

#include <CLI/App.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/encoding/predictions.h"
#include "client/cli/results/output_file.h"
#include "client/cli/results/prediction_writer.h"

namespace descent::cli {

struct OutputOptions {
  std::string path;    // empty: standard output
  std::string format;  // empty: by the path's ending; on standard output CSV
};

// --output and --output-format.
void AddOutputOptions(CLI::App* command, OutputOptions* options);

class PredictionOutput {
 public:
  // Begins with a header where the format has one. On standard output, `json` is what --json gives,
  // with each row's number and the model's step. `predictions` must outlive this. A usage error if
  // the options make no sense, a file error if the file can't be written.
  static absl::StatusOr<std::unique_ptr<PredictionOutput>> Create(const OutputOptions& options,
                                                                  const Predictions& predictions,
                                                                  std::vector<std::string> kept,
                                                                  bool json);

  // A row with the cells of its kept columns, and the step of the model that predicted it.
  absl::Status Add(const std::vector<std::string>& kept, const Prediction& prediction,
                   int64_t step);

  // Gives a file its name. Without this there is none: it has all rows or is not there.
  absl::Status Finish();

  int64_t rows() const { return rows_; }
  int64_t step() const { return step_; }  // of the last row

 private:
  PredictionOutput(const Predictions& predictions, std::vector<std::string> kept)
      : predictions_(predictions), kept_(std::move(kept)) {}

  absl::Status Open(const OutputOptions& options);

  const Predictions& predictions_;
  const std::vector<std::string> kept_;
  std::unique_ptr<OutputFile> file_;          // null: standard output
  std::unique_ptr<PredictionWriter> writer_;  // null: as --json has it
  int64_t rows_ = 0;
  int64_t step_ = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_PREDICTION_OUTPUT_H_
