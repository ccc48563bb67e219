#include "client/cli/training/training_run.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/encoding/batches.h"
#include "client/cli/encoding/places.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"
#include "client/cli/tables/random.h"
#include "client/descent/error.h"
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
      RETURN_IF_ERROR(Explained(Train(&result)));
      result.training_time = SteadyNow() - start;
      result.rows = epoch_rows_;
      result_.training_time += result.training_time;
      if (epoch_rows_ == 0) break;  // interrupted as it began: the last epoch is the one before
      result_.rows_in_last_epoch = epoch_rows_;
      RETURN_IF_ERROR(Test(&result));
      RETURN_IF_ERROR(CheckFinite(result));
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
    first_sequence_ = session->next_sequence();
    RETURN_IF_ERROR(SendRows(session.get()));
    ASSIGN_OR_RETURN(const client::TrainingProgress progress, session->Finish());
    result_.step = result->step = progress.step;
    result_.rows += epoch_rows_;
    // No ack comes after Finish, so these are this thread's again.
    result->training_loss = acked_rows_ > 0 ? acked_loss_ / static_cast<double>(acked_rows_) : 0;
    return absl::OkStatus();
  }

  // The training rows of the epoch's batch with that sequence number; none if there is no such.
  std::vector<int64_t> RowsOfBatch(int64_t sequence) const {
    const auto count = static_cast<int64_t>(order_.size());
    const int64_t batch = sequence - first_sequence_;
    std::vector<int64_t> rows;
    if (batch < 0 || batch > count / options_.batch_rows) return rows;
    const int64_t end = std::min((batch + 1) * options_.batch_rows, count);
    for (int64_t i = batch * options_.batch_rows; i < end; ++i) {
      rows.push_back(data_.training_rows[order_[i]]);
    }
    return rows;
  }

  // An error of the session in terms of the file, and with what helps.
  absl::Status Explained(const absl::Status& error) const {
    if (error.ok()) return error;
    const client::ErrorDetails details = client::GetErrorDetails(error);
    const auto sequence = details.metadata.find("sequence");
    int64_t number = 0;
    if (sequence != details.metadata.end() && absl::SimpleAtoi(sequence->second, &number)) {
      absl::Status placed = AtItsPlace(error, data_.dataset, RowsOfBatch(number), options_.model);
      if (ExitCodeOf(placed) != ExitCodeOf(error)) return placed;
    }
    return details.reason == "NON_FINITE_UPDATE" ? Diverged(error) : error;
  }

  // The server's words and what to do with a model that is beyond mending.
  absl::Status Diverged(const absl::Status& error) const {
    absl::Status told(error.code(),
                      absl::StrCat("training diverged in epoch ", epoch_, ": ", error.message(),
                                   "; ", HowToBeginAnew(options_.model)));
    error.ForEachPayload([&told](absl::string_view url, const absl::Cord& payload) {
      told.SetPayload(url, payload);
    });
    return told;
  }

  absl::Status CheckFinite(const EpochResult& result) const {
    bool finite =
        std::isfinite(result.training_loss) && std::isfinite(result.test_loss.value_or(0));
    for (const auto& [name, value] : result.test_metrics) finite = finite && std::isfinite(value);
    if (finite) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("training diverged: after epoch ", result.epoch,
                     " the loss is not a finite number; ", HowToBeginAnew(options_.model)));
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
    order_ = ShuffledRows(count, options_.seed, result_.step);
    std::vector<int64_t> batch;
    epoch_rows_ = 0;
    for (int64_t first = 0; first < count; first += options_.batch_rows) {
      if (Interrupted()) break;
      batch.clear();
      const int64_t end = std::min(first + options_.batch_rows, count);
      for (int64_t i = first; i < end; ++i) batch.push_back(rows[order_[i]]);
      RETURN_IF_ERROR(session->Send(MakeBatch(data_.dataset, batch, data_.loss.kind()),
                                    options_.learning_rate));
      epoch_rows_ += end - first;
    }
    return absl::OkStatus();
  }

  // On a thread of the session.
  void OnAck(const v1::TrainAck& ack) {
    if (options_.on_ack) options_.on_ack(ack);
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
      const absl::Span<const int64_t> rows = FirstMessage(dataset, rest);
      batch = MakeBatch(dataset, rows, data_.loss.kind());
      rest.remove_prefix(rows.size());
      return true;
    };
    batches.rewind = [&] {
      rest = data_.test_rows;
      return absl::OkStatus();
    };
    const absl::StatusOr<v1::EvaluateResponse> answer = client_.Evaluate(options_.model, batches);
    if (!answer.ok()) return TestError(answer.status(), dataset);
    result->test_loss = answer->loss();
    result->test_metrics = InOwnUnits(answer->metrics(), data_.encoding.target);
    return absl::OkStatus();
  }

  absl::Status TestError(const absl::Status& error, const Dataset& dataset) const {
    EvaluatedRows rows;
    absl::Span<const int64_t> rest = data_.test_rows;
    while (!rest.empty()) {
      const absl::Span<const int64_t> piece = FirstMessage(dataset, rest);
      rows.Add(dataset, piece);
      rest.remove_prefix(piece.size());
    }
    return AtItsPlace(error, rows, options_.model);
  }

  const client::Client& client_;
  const TrainingData& data_;
  const RunOptions& options_;
  Progress* const progress_;
  RunResult result_;
  std::string session_id_;  // the same for all epochs, so that a run is one session to the server

  int64_t epoch_rows_ = 0;      // sent in this epoch
  int64_t first_sequence_ = 0;  // of its batches
  std::vector<int64_t> order_;  // in which it goes through the training rows

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
