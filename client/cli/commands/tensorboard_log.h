// What TensorBoard is told of a model's training: as it goes along, or as the server has kept it.
//
//   train/loss, train/gradient_norm, train/learning_rate   at each point, by the model's step
//   train/rows_per_second
//   train/rmse, train/accuracy, ...                        of what the server has kept: of each
//                                                          batch before it was learned
//   test/loss, test/rmse, test/accuracy, ...               of the test rows, after each epoch

#ifndef CLIENT_CLI_COMMANDS_TENSORBOARD_LOG_H_
#define CLIENT_CLI_COMMANDS_TENSORBOARD_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/tensorboard/event_file.h"
#include "client/cli/training/training_run.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"

namespace descent::cli {

// Of a run. Its calls must follow each other, from whatever threads. What can't be written, as on a
// full disk, ends no training: `status` says it afterwards.
class TensorBoardLog {
 public:
  // Goes on behind what the directory holds of steps up to `step`, the model's before the run. A
  // file error if the directory or a file in it can't be made.
  static absl::StatusOr<std::unique_ptr<TensorBoardLog>> Create(const std::string& directory,
                                                                int64_t step);

  void Add(const v1::TrainAck& ack);
  void Add(const EpochResult& epoch);

  const absl::Status& status() const { return status_; }

 private:
  explicit TensorBoardLog(std::unique_ptr<EventFile> file);

  void Write(int64_t step, const std::vector<Scalar>& scalars);

  const std::unique_ptr<EventFile> file_;
  absl::Status status_;
  absl::Time rate_since_;  // on a clock that goes evenly
  int64_t rate_rows_ = 0;  // learnt from since then
};

// Writes what the server has kept, with its times. A file error if it can't be written.
absl::Status WriteHistory(const std::vector<v1::HistoryPoint>& points,
                          const std::string& directory);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_TENSORBOARD_LOG_H_
