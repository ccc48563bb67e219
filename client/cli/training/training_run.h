// Streams data to a model, epoch after epoch, and judges it after each.

#ifndef CLIENT_CLI_TRAINING_TRAINING_RUN_H_
#define CLIENT_CLI_TRAINING_TRAINING_RUN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/display/progress.h"
#include "client/cli/training/training_data.h"
#include "client/descent/client.h"
#include "descent/v1/network_service.pb.h"

namespace descent::cli {

struct RunOptions {
  std::string model;
  int64_t step = 0;  // the model's, before the run
  int64_t epochs = 30;
  int64_t batch_rows = 64;
  uint64_t seed = 0;
  std::optional<double> learning_rate;  // in place of the model's own

  // Asked now and then; true ends the run in order.
  std::function<bool()> interrupted;
  // Told of each ack, on a thread of the session but never two at a time, and none after the epoch
  // that it is of.
  std::function<void(const v1::TrainAck& ack)> on_ack;
  // Told when the connection broke and is being mended.
  std::function<void(const absl::Status& cause)> on_break;
};

struct EpochResult {
  int64_t epoch = 0;
  int64_t step = 0;  // the model's, after the epoch
  int64_t rows = 0;  // learnt from
  absl::Duration training_time;
  double training_loss = 0;  // mean over the epoch's rows, each before its update
  // Of the test rows, after the epoch; without any, no loss and no metrics.
  std::optional<double> test_loss;
  std::map<std::string, double> test_metrics;  // in the target's own unit
};

struct RunResult {
  std::vector<EpochResult> epochs;  // the last one may be cut short by an interruption
  int64_t step = 0;
  int64_t rows = 0;  // learnt from, over all epochs
  int64_t rows_in_last_epoch = 0;
  absl::Duration training_time;  // without the tests
  bool interrupted = false;
};

// The training session is closed after each epoch, which waits until all of its batches are applied
// and durable, so that the test sees them, and opened again for the next. The rows of an epoch are
// shuffled by the seed and the step that the epoch begins at: a run that goes on with an earlier
// one goes through them in new orders. `progress` may show itself from another thread until this
// returns.
absl::StatusOr<RunResult> RunTraining(const client::Client& client, const TrainingData& data,
                                      const RunOptions& options, Progress* progress,
                                      const std::function<void(const EpochResult&)>& on_epoch);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TRAINING_TRAINING_RUN_H_
