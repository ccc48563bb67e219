// What `train` tells: before, during and after a run.

#ifndef CLIENT_CLI_COMMANDS_TRAIN_REPORT_H_
#define CLIENT_CLI_COMMANDS_TRAIN_REPORT_H_

#include <cstdint>

#include "client/cli/display/loss_curve.h"
#include "client/cli/training/training_data.h"
#include "client/cli/training/training_run.h"
#include "descent/v1/model_service.pb.h"

namespace descent::cli {

// A model and the data it is to learn from.
struct Task {
  v1::Model model;
  TrainingData data;
  bool is_new = false;
};

// On standard error: which model, what data.
void Announce(const Task& task);

// One line for an epoch: {"epoch": 1, "step": 259, "training_loss": 0.4, "test_loss": 0.3,
// "rmse": 61000.0, ...}.
void PrintEpochJson(const EpochResult& epoch);

// How the run ended. As JSON one line, with the metrics of the test rows on the top level:
// {"model": "house", "step": 7770, ..., "rmse": 52341.0, "mae": 34512.0, "r2": 0.789}.
void PrintResult(const Task& task, const RunResult& result);
void PrintResultJson(const Task& task, const RunResult& result);

LossCurve CurveOf(const Task& task, int64_t batch_rows, const RunResult& result);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_TRAIN_REPORT_H_
