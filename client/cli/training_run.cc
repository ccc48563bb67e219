#include "client/cli/training_run.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "client/cli/batches.h"
#include "client/cli/random.h"
#include "client/cli/status_macros.h"
#include "clock/steady.h"

namespace descent::cli {
namespace {

// Acks are for the progress bar: one for so many batches is often enough.
constexpr int32_t kBatchesPerAck = 16;

class TrainingRun {
 public:
  TrainingRun(const client::Client& client, const TrainingData& data, const RunOptions& options,
              Progress* progress)
      : client_(client), data_(data), options_(options), progress_(progress) {
    result_.step = options.step;
  }

  absl::StatusOr<RunResult> Run(const std::function<void(const EpochResult&)>& on_epoch) {
    for (int64_t epoch = 1; epoch <= options_.epochs && !Interrupted(); ++epoch) {
      EpochResult result;
      result.epoch = epoch;
      const absl::Time start = SteadyNow();
      RETURN_IF_ERROR(Train(&result));
      result_.training_time += SteadyNow() - start;
      if (epoch_rows_ == 0) break;  // interrupted as it began: the last epoch is the one before
      result_.rows_in_last_epoch = epoch_rows_;
      RETURN_IF_ERROR(Test(&result));
      on_epoch(result);
      result_.epochs.push_back(std::move(result));
    }
    progress_->Clear();
    return std::move(result_);
  }

 private:
  bool Interrupted() {
    result_.interrupted = result_.interrupted || (options_.interrupted && options_.interrupted());
    return result_.interrupted;
  }

  absl::Status Train(EpochResult* result) {
    epoch_ = result->epoch;
    acked_rows_ = 0;
    acked_loss_ = 0;
    ASSIGN_OR_RETURN(const std::unique_ptr<client::TrainingSession> session, OpenSession());
    session_id_ = session->session_id();
    RETURN_IF_ERROR(SendRows(session.get()));
    ASSIGN_OR_RETURN(const client::TrainingProgress progress, session->Finish());
    result_.step = result->step = progress.step;
    result_.rows += epoch_rows_;
    // No ack comes after Finish, so these are this thread's again.
    result->training_loss = acked_rows_ > 0 ? acked_loss_ / static_cast<double>(acked_rows_) : 0;
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<client::TrainingSession>> OpenSession() {
    client::TrainingOptions session;
    session.session_id = session_id_;
    session.ack_every = kBatchesPerAck;
    session.on_ack = [this](const v1::TrainAck& ack) { OnAck(ack); };
    session.on_break = [this](const absl::Status& cause) {
      progress_->Clear();
      if (options_.on_break) options_.on_break(cause);
    };
    return client_.Train(options_.model, std::move(session));
  }

  // Sends the epoch's rows, or as many as there is time for.
  absl::Status SendRows(client::TrainingSession* session) {
    const std::vector<int64_t>& rows = data_.training_rows;
    const auto count = static_cast<int64_t>(rows.size());
    const std::vector<int64_t> order = ShuffledRows(count, options_.seed, result_.step);
    std::vector<int64_t> batch;
    epoch_rows_ = 0;
    for (int64_t first = 0; first < count; first += options_.batch_rows) {
      if (Interrupted()) break;
      batch.clear();
      const int64_t end = std::min(first + options_.batch_rows, count);
      for (int64_t i = first; i < end; ++i) batch.push_back(rows[order[i]]);
      RETURN_IF_ERROR(session->Send(MakeBatch(data_.dataset, batch, data_.loss.kind()),
                                    options_.learning_rate));
      epoch_rows_ += end - first;
    }
    return absl::OkStatus();
  }

  // On a thread of the session.
  void OnAck(const v1::TrainAck& ack) {
    acked_rows_ += ack.rows();
    acked_loss_ += ack.loss() * static_cast<double>(ack.rows());
    const auto epoch_rows = static_cast<int64_t>(data_.training_rows.size());
    ProgressState state;
    state.epoch = epoch_;
    state.epochs = options_.epochs;
    state.rows = (epoch_ - 1) * epoch_rows + acked_rows_;
    state.total_rows = options_.epochs * epoch_rows;
    state.loss = acked_loss_ / static_cast<double>(std::max<int64_t>(acked_rows_, 1));
    progress_->Update(state, SteadyNow());
  }

  absl::Status Test(EpochResult* result) {
    if (data_.test_rows.empty()) return absl::OkStatus();
    const Dataset& dataset = data_.test_dataset.has_value() ? *data_.test_dataset : data_.dataset;
    absl::Span<const int64_t> rest = data_.test_rows;
    client::BatchSource batches;
    batches.next = [&](v1::Batch& batch) -> absl::StatusOr<bool> {
      if (rest.empty()) return false;
      const absl::Span<const int64_t> rows =
          rest.first(std::min(rest.size(), static_cast<size_t>(RowsInMessage(dataset.features))));
      batch = MakeBatch(dataset, rows, data_.loss.kind());
      rest.remove_prefix(rows.size());
      return true;
    };
    batches.rewind = [&] {
      rest = data_.test_rows;
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(const v1::EvaluateResponse answer, client_.Evaluate(options_.model, batches));
    result->test_loss = answer.loss();
    result->test_metrics = InOwnUnits(answer.metrics(), data_.encoding.target);
    return absl::OkStatus();
  }

  const client::Client& client_;
  const TrainingData& data_;
  const RunOptions& options_;
  Progress* const progress_;
  RunResult result_;
  std::string session_id_;  // the same for all epochs, so that a run is one session to the server

  int64_t epoch_rows_ = 0;  // sent in this epoch

  // Written between sessions by this thread, during one by the session's.
  int64_t epoch_ = 0;
  int64_t acked_rows_ = 0;
  double acked_loss_ = 0;
};

}  // namespace

absl::StatusOr<RunResult> RunTraining(const client::Client& client, const TrainingData& data,
                                      const RunOptions& options, Progress* progress,
                                      const std::function<void(const EpochResult&)>& on_epoch) {
  return TrainingRun(client, data, options, progress).Run(on_epoch);
}

}  // namespace descent::cli
