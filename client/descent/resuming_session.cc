#include "client/descent/resuming_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/descent/random_id.h"
#include "client/descent/retry.h"
#include "client/descent/rpc_status.h"
#include "clock/steady.h"

namespace descent::client {

absl::StatusOr<std::unique_ptr<TrainingSession>> ResumingSession::Open(
    std::shared_ptr<const Connection> connection, std::string model, TrainingOptions options) {
  if (options.session_id.empty()) options.session_id = RandomId();
  std::unique_ptr<ResumingSession> session(
      new ResumingSession(std::move(connection), std::move(model), std::move(options)));
  session->thread_ = std::thread(&ResumingSession::Run, session.get());
  if (absl::Status status = session->WaitUntilOpen(); !status.ok()) return status;
  return session;
}

ResumingSession::ResumingSession(std::shared_ptr<const Connection> connection, std::string model,
                                 TrainingOptions options)
    : connection_(std::move(connection)),
      model_(std::move(model)),
      options_(std::move(options)),
      batches_(options_.max_kept_bytes) {}

ResumingSession::~ResumingSession() {
  Cancel();
  thread_.join();
}

absl::Status ResumingSession::WaitUntilOpen() {
  const absl::Time deadline = SteadyNow() + options_.give_up_after;
  absl::MutexLock lock(&mutex_);
  while (first_sequence_ == 0 && !result_.has_value()) {
    if (to_others_.WaitUntil(&mutex_, deadline)) break;
  }
  if (first_sequence_ > 0) return absl::OkStatus();
  if (result_.has_value()) return *result_;
  return absl::DeadlineExceededError(absl::StrCat("the server was not ready to train ", model_,
                                                  " within ",
                                                  absl::FormatDuration(options_.give_up_after)));
}

int64_t ResumingSession::next_sequence() const {
  absl::MutexLock lock(&mutex_);
  return batches_.last() + 1;
}

absl::Status ResumingSession::Send(v1::Batch batch, std::optional<double> learning_rate) {
  v1::TrainRequest request;
  *request.mutable_batch()->mutable_batch() = std::move(batch);
  if (learning_rate.has_value()) request.mutable_batch()->set_learning_rate(*learning_rate);

  absl::MutexLock lock(&mutex_);
  while (!result_.has_value() && !cancelled_ && batches_.unapplied() >= window_) {
    to_others_.Wait(&mutex_);
  }
  if (result_.has_value() && !result_->ok()) return *result_;
  if (cancelled_) return absl::CancelledError("the training session was cancelled");
  if (finishing_) return absl::FailedPreconditionError("the training session is finished");
  batches_.Append(std::move(request));
  to_writer_.Signal();
  return absl::OkStatus();
}

absl::StatusOr<TrainingProgress> ResumingSession::Finish() {
  absl::MutexLock lock(&mutex_);
  finishing_ = true;
  to_writer_.Signal();
  while (!result_.has_value()) to_others_.Wait(&mutex_);
  if (!result_->ok()) return *result_;
  return CurrentProgress();
}

void ResumingSession::Cancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (context_ != nullptr) context_->TryCancel();
  to_others_.SignalAll();
}

TrainingProgress ResumingSession::progress() const {
  absl::MutexLock lock(&mutex_);
  return CurrentProgress();
}

TrainingProgress ResumingSession::CurrentProgress() const {
  TrainingProgress progress = progress_;
  progress.sent_sequence = batches_.last();
  progress.applied_sequence = batches_.applied();
  progress.durable_sequence = batches_.durable();
  progress.batches = batches_.applied() - (first_sequence_ - 1);
  return progress;
}

void ResumingSession::Run() {
  Backoff backoff(connection_->options().retry);
  while (true) {
    const absl::Status end = RunStream();
    const std::optional<absl::Duration> pause = Judge(end, backoff);
    if (!pause.has_value()) return;
    Pause(*pause);
  }
}

absl::Status ResumingSession::RunStream() {
  grpc::ClientContext context;
  connection_->Prepare(&context, absl::InfiniteFuture());
  {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) return absl::CancelledError();
    context_ = &context;
    ready_ = half_closed_ = ended_ = false;
  }
  const std::unique_ptr<Stream> stream = connection_->networks().Train(&context);
  absl::Status complaint = Converse(context, *stream);
  const grpc::Status end = stream->Finish();

  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  if (!complaint.ok()) return complaint;
  if (!end.ok()) return FromGrpcStatus(end);
  if (half_closed_ && batches_.unapplied() == 0) return absl::OkStatus();
  return absl::UnavailableError("the server ended the stream too early");
}

absl::Status ResumingSession::Converse(grpc::ClientContext& context, Stream& stream) {
  v1::TrainResponse response;
  if (!stream.Write(MakeStart()) || !stream.Read(&response)) return absl::OkStatus();
  absl::Status status = HandleReady(response);
  if (!status.ok()) {
    context.TryCancel();
    return status;
  }
  std::thread writer(&ResumingSession::WriteBatches, this, std::ref(stream));
  while (status.ok() && stream.Read(&response)) status = HandleAck(response);
  if (!status.ok()) context.TryCancel();  // before the writer is waited for, who may be in a Write
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    to_writer_.Signal();
  }
  writer.join();
  return status;
}

v1::TrainRequest ResumingSession::MakeStart() const {
  v1::TrainRequest request;
  v1::TrainStart& start = *request.mutable_start();
  start.set_model(model_);
  start.set_session_id(options_.session_id);
  start.set_ack_every(options_.ack_every);
  absl::MutexLock lock(&mutex_);
  // Once the session has begun, its own batches move the model on.
  const bool begun = first_sequence_ > 0;
  if (options_.expected_step.has_value() && !begun)
    start.set_expected_step(*options_.expected_step);
  return request;
}

void ResumingSession::WriteBatches(Stream& stream) {
  while (true) {
    std::shared_ptr<const v1::TrainRequest> request;
    grpc::WriteOptions options;
    {
      absl::MutexLock lock(&mutex_);
      while (!ended_ && !finishing_ && !batches_.has_next_to_send()) to_writer_.Wait(&mutex_);
      if (ended_) return;
      request = batches_.TakeNextToSend();
      half_closed_ = request == nullptr;
      // Several batches in a row go out in one packet.
      if (batches_.has_next_to_send()) options.set_buffer_hint();
    }
    if (request == nullptr) {
      stream.WritesDone();
      return;
    }
    if (!stream.Write(*request, options)) return;
  }
}

absl::Status ResumingSession::HandleReady(const v1::TrainResponse& response) {
  if (!response.has_ready()) return absl::InternalError("the server did not begin with `ready`");
  const v1::TrainReady& ready = response.ready();
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = batches_.Resume(ready.next_sequence()); !status.ok()) return status;
  ready_ = true;
  window_ = std::max(ready.window(), 1);
  progress_.step = ready.step();
  if (first_sequence_ == 0) {
    first_sequence_ = ready.next_sequence();
  } else {
    ++progress_.breaks;
  }
  if (batches_.unapplied() == 0) trouble_since_ = absl::InfiniteFuture();
  to_others_.SignalAll();
  return absl::OkStatus();
}

absl::Status ResumingSession::HandleAck(const v1::TrainResponse& response) {
  if (!response.has_ack()) return absl::InternalError("the server sent something else than an ack");
  const v1::TrainAck& ack = response.ack();
  {
    absl::MutexLock lock(&mutex_);
    const int64_t applied_before = batches_.applied();
    if (absl::Status status = batches_.Acknowledge(ack.sequence(), ack.durable_sequence());
        !status.ok()) {
      return status;
    }
    progress_.step = ack.step();
    progress_.loss = ack.loss();
    if (__builtin_add_overflow(progress_.rows, ack.rows(), &progress_.rows)) {
      return absl::InternalError(absl::StrCat("the server acknowledges ", ack.rows(), " rows"));
    }
    if (batches_.applied() > applied_before) trouble_since_ = absl::InfiniteFuture();
    // A sender that waits for room is woken when there is room for several batches.
    if (batches_.unapplied() <= window_ - window_ / 4) to_others_.SignalAll();
  }
  if (options_.on_ack) options_.on_ack(ack);
  return absl::OkStatus();
}

std::optional<absl::Duration> ResumingSession::Judge(const absl::Status& end, Backoff& backoff) {
  absl::Duration pause;
  absl::Duration trouble;
  bool was_ready;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = SteadyNow();
    if (trouble_since_ == absl::InfiniteFuture()) {
      trouble_since_ = now;
      backoff.Reset();
    }
    pause = backoff.Next(end);
    if (cancelled_ || !IsTransient(end) || now + pause > trouble_since_ + options_.give_up_after) {
      result_ = cancelled_ && !end.ok() ? absl::CancelledError("the training session was cancelled")
                                        : connection_->Explain(end);
      to_others_.SignalAll();
      return std::nullopt;
    }
    was_ready = ready_;
    trouble = now - trouble_since_;
  }
  if (was_ready && options_.on_break) options_.on_break(end);
  connection_->NoteRetry(end, trouble);
  return pause;
}

void ResumingSession::Pause(absl::Duration duration) {
  connection_->Pause(SteadyNow() + duration, [this] {
    absl::MutexLock lock(&mutex_);
    return cancelled_;
  });
}

}  // namespace descent::client
