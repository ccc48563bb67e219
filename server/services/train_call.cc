#include "server/services/train_call.h"

#include <grpcpp/alarm.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "core/exceptions.h"
#include "core/network.h"
#include "core/status_macros.h"
#include "server/models/registry/model.h"
#include "server/models/training_session.h"
#include "server/models/work/executor.h"
#include "server/services/ack_pace.h"
#include "server/services/call_gate.h"
#include "server/services/message.h"
#include "server/services/message_reader.h"
#include "server/services/open_streams.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"

namespace descent::services {
namespace {

// Responses that may wait for a slow client before the stream is read no further.
constexpr std::size_t kMaxUnsent = 64;

// Acknowledgements that are gathered leave after so long without more of them.
constexpr absl::Duration kLongestGathering = absl::Milliseconds(2);

// The stream holds on to itself until gRPC is done with it, and the session may hold it longer.
//
// Reading: one read is under way, or the session has no capacity, or reading is held until the
// client takes its responses, or pauses for the caller's limits. Writing: one write is under way
// while unsent_ is not empty, unless acknowledgements are being gathered. Ending: once end_ is set,
// what is unsent is written, then the call is finished.
class TrainCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                        public models::TrainObserver,
                        public std::enable_shared_from_this<TrainCall> {
 public:
  TrainCall(const models::Registry& registry, const CallResources& resources,
            const MethodName& name, grpc::CallbackServerContext* context)
      : registry_(registry), resources_(resources), name_(name), context_(*context) {
    pass_ = std::make_unique<CallPass>(resources.gate, name, *context);
  }

  void Start() {
    // It ends before gRPC is done with the stream, and so before what it calls.
    place_ = std::make_unique<OpenStream>(resources_.streams, context_.peer(),
                                          [this](const absl::Status& status) { Leave(status); });
    const absl::MutexLock lock(&mutex_);
    self_ = shared_from_this();
    const absl::Status& admission = pass_->admission();
    if (admission.ok()) {
      Read();
    } else {
      if (!end_.has_value()) end_ = admission;
      Write();
    }
  }

  void OnReady(const models::TrainReady& ready) override {
    const absl::MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    ready_ = true;
    // Far less than a window, since a client may wait for acknowledgements when it is full.
    most_gathered_ = std::clamp(ready.window / 8, 1, AckPace::kMostGathered);
    Enqueue(ready);
    Write();
    if (session_ != nullptr) Read();
  }

  void OnApplied() override {
    const absl::MutexLock lock(&mutex_);
    if (end_.has_value() || unapplied_.empty()) return;
    pass_->Answered(unapplied_.front());
    unapplied_.pop_front();
  }

  void OnAck(const models::TrainAck& ack) override {
    const absl::MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    Enqueue(ack);
    if (!pace_.gathers()) {
      Write();
    } else if (unsent_.size() >= static_cast<std::size_t>(most_gathered_)) {
      pace_.OnGatheredAll();
      Write();
    } else if (!writing_ && !std::exchange(gathering_ends_, true)) {
      batches_since_ = false;
      // The alarm keeps what it calls.
      alarm_.Set(ToSystemClock(SteadyNow() + kLongestGathering),
                 [weak = weak_from_this()](bool /*ok*/) {
                   if (const auto self = weak.lock()) self->EndGathering();
                 });
    }
  }

  void OnCapacity() override {
    const absl::MutexLock lock(&mutex_);
    if (!HasBatches()) {
      Read();
      return;
    }
    // Whoever says so has something else to do than to train.
    resources_.executor->Post([self = shared_from_this(), session = session_] {
      if (session != nullptr) self->SubmitBatches(*session);
    });
  }

  void OnFinished(absl::Status status) override { End(std::move(status)); }

 private:
  void EndGathering() {
    const absl::MutexLock lock(&mutex_);
    gathering_ends_ = false;
    if (!batches_since_) pace_.OnNoBatch();
    Write();
  }

  void OnReadDone(bool ok) noexcept override {
    // A stream that was cancelled reads no further either; OnCancel follows.
    if (!ok && context_.IsCancelled()) return;
    place_->Touch();
    std::shared_ptr<models::TrainingSession> session;
    absl::Status permitted;
    {
      const absl::MutexLock lock(&mutex_);
      session = session_;
      if (ok) {
        read_bytes_ = bytes_.Length();
        permitted = pass_->AdmitMessage(read_bytes_);
      }
      if (ok && session != nullptr) {
        pace_.OnBatch(SteadyNow());
        batches_since_ = true;
      }
    }
    if (!ok && session != nullptr) {
      session->HalfClose();
      return;
    }
    if (!ok || !permitted.ok()) {
      Take(permitted, v1::TrainRequest(), session);  // there was no message, or it does not count
      return;
    }
    // gRPC may be done with the stream before a large message is read.
    resources_.reader->Read<v1::TrainRequest>(
        name_, &bytes_,
        [self = shared_from_this(), session](const absl::Status& status,
                                             const v1::TrainRequest& request) {
          self->Take(status, request, session);
        });
  }

  // Takes a message, or the reason why it is none.
  void Take(const absl::Status& read, const v1::TrainRequest& request,
            const std::shared_ptr<models::TrainingSession>& session) {
    if (session == nullptr) {
      const absl::Status status = read.ok() ? Attach(request) : read;
      if (!status.ok()) End(status);
    } else if (read.ok()) {
      Submit(*session, request);
    } else {
      session->Fail(read);
    }
  }

  void OnWriteDone(bool ok) noexcept override {
    const absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (ok) pass_->AddSent(unsent_.front().Length());
    unsent_.pop_front();
    if (!ok) unsent_.clear();
    Write();
    if (std::exchange(reading_held_, false)) Read();
  }

  void OnCancel() noexcept override { Leave(absl::CancelledError("the client went away")); }

  // Ends the stream whatever is unsent; the session may be taken up again.
  void Leave(const absl::Status& status) {
    std::shared_ptr<models::TrainingSession> session;
    {
      const absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      session = session_;
      unsent_.resize(writing_ ? 1 : 0);
    }
    if (session != nullptr) session->Detach();
    End(status);
  }

  void OnDone() noexcept override {
    place_.reset();
    std::unique_ptr<CallPass> pass;
    std::shared_ptr<TrainCall> self;
    const absl::MutexLock lock(&mutex_);
    pass.swap(pass_);
    session_.reset();
    self.swap(self_);
  }

  // Begins with the first message, which is empty when there was none. The session may say that it
  // is ready before it is known here; the first batch is read when both have happened.
  absl::Status Attach(const v1::TrainRequest& request) {
    ASSIGN_OR_RETURN(const std::string name, wire::ModelName(request));
    {
      const absl::MutexLock lock(&mutex_);
      if (pass_ == nullptr) return absl::CancelledError("the client went away");
      RETURN_IF_ERROR(pass_->AdmitModel(name));
    }
    ASSIGN_OR_RETURN(const std::shared_ptr<models::Model> model, registry_.Find(name));
    network_ = model->network();
    ASSIGN_OR_RETURN(models::TrainStart start, wire::DecodeTrainStart(request));
    ASSIGN_OR_RETURN(const std::shared_ptr<models::TrainingSession> session,
                     model->AttachSession(std::move(start), shared_from_this()));
    bool cancelled;
    {
      const absl::MutexLock lock(&mutex_);
      cancelled = cancelled_;
      session_ = session;
      if (pass_ != nullptr) pass_->Answered(read_bytes_);
      if (ready_) Read();
    }
    if (cancelled) session->Detach();
    return absl::OkStatus();
  }

  void Submit(models::TrainingSession& session, const v1::TrainRequest& request) {
    absl::StatusOr<models::TrainBatchCommand> batch =
        CatchExceptions([&] { return wire::DecodeTrainBatch(request, *network_); });
    if (batch.ok() && request.more_size() > 0) {
      SubmitAll(session, *std::move(batch), request);
      return;
    }
    if (batch.ok()) {
      // Before it can be applied.
      const absl::MutexLock lock(&mutex_);
      unapplied_.push_back(read_bytes_);
    }
    if (!batch.ok()) {
      session.Fail(std::move(batch).status());
    } else if (session.Submit(*std::move(batch))) {
      const absl::MutexLock lock(&mutex_);
      Read();
    }
  }

  // Of a message of several batches: the first, and those that follow it.
  void SubmitAll(models::TrainingSession& session, models::TrainBatchCommand first,
                 const v1::TrainRequest& request) {
    std::deque<models::TrainBatchCommand> batches;
    batches.push_back(std::move(first));
    absl::Status undecoded;
    for (int i = 0; i < request.more_size() && undecoded.ok(); ++i) {
      absl::StatusOr<models::TrainBatchCommand> batch =
          CatchExceptions([&] { return wire::DecodeFollowingBatch(request, i, *network_); });
      undecoded = batch.status();
      if (batch.ok()) batches.push_back(*std::move(batch));
    }
    {
      const absl::MutexLock lock(&mutex_);
      batches_ = std::move(batches);
      undecoded_ = std::move(undecoded);
    }
    SubmitBatches(session);
  }

  // Whether there is something of the last message that the session has not taken.
  bool HasBatches() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !batches_.empty() || !undecoded_.ok();
  }

  // Hands over what is left of a message of several batches, while the session has capacity.
  void SubmitBatches(models::TrainingSession& session) {
    while (true) {
      models::TrainBatchCommand batch;
      {
        const absl::MutexLock lock(&mutex_);
        if (batches_.empty()) break;
        batch = std::move(batches_.front());
        batches_.pop_front();
        // The message is done with when its last batch is.
        unapplied_.push_back(batches_.empty() ? read_bytes_ : 0);
      }
      if (!session.Submit(std::move(batch))) return;
    }
    absl::Status undecoded;
    {
      const absl::MutexLock lock(&mutex_);
      undecoded = undecoded_;
      if (undecoded.ok()) Read();
    }
    if (!undecoded.ok()) session.Fail(std::move(undecoded));
  }

  void End(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    end_ = std::move(status);
    Write();
  }

  // Reads the next message, unless the call is ending or the client does not take its responses;
  // later if the caller has as much as it may.
  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (end_.has_value()) return;
    if (unsent_.size() >= kMaxUnsent) {
      reading_held_ = true;
      return;
    }
    const absl::Duration pause = pass_->ReadPause();
    if (pause == absl::ZeroDuration()) {
      StartRead(&bytes_);
      return;
    }
    // Another than the one before, which may be calling this and keeps what it calls.
    pause_ = std::make_unique<grpc::Alarm>();
    pause_->Set(ToSystemClock(SteadyNow() + pause), [weak = weak_from_this()](bool /*ok*/) {
      const auto self = weak.lock();
      if (self == nullptr) return;
      const absl::MutexLock lock(&self->mutex_);
      self->Read();
    });
  }

  template <typename Response>
  void Enqueue(const Response& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    v1::TrainResponse message;
    wire::Encode(response, &message);
    unsent_.push_back(SerializeMessage(message));
  }

  // Writes what is unsent, one message at a time, and then the status.
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (!unsent_.empty()) {
      writing_ = true;
      grpc::WriteOptions options;
      if (unsent_.size() > 1) options.set_buffer_hint();  // the last one takes all along
      StartWrite(&unsent_.front(), options);
    } else if (end_.has_value()) {
      finished_ = true;
      Finish(pass_->End(*end_));
    }
  }

  const models::Registry& registry_;
  const CallResources& resources_;
  const MethodName name_;
  const grpc::CallbackServerContext& context_;
  std::unique_ptr<OpenStream> place_;  // until gRPC is done with the stream

  // The bytes of the one read that is under way; none once they are taken.
  grpc::ByteBuffer bytes_;
  std::size_t read_bytes_ = 0;  // of the message that was read last
  std::shared_ptr<const Network> network_;

  absl::Mutex mutex_;
  std::unique_ptr<CallPass> pass_ ABSL_GUARDED_BY(mutex_);  // until gRPC is done with the context
  std::shared_ptr<TrainCall> self_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<models::TrainingSession> session_ ABSL_GUARDED_BY(mutex_);
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the last message: batches that wait for capacity, and why there are no more.
  std::deque<models::TrainBatchCommand> batches_ ABSL_GUARDED_BY(mutex_);
  absl::Status undecoded_ ABSL_GUARDED_BY(mutex_);
  // The bytes of each batch that is not applied yet.
  std::deque<std::size_t> unapplied_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_held_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<grpc::ByteBuffer> unsent_ ABSL_GUARDED_BY(mutex_);  // the first is being written
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  AckPace pace_ ABSL_GUARDED_BY(mutex_);
  int most_gathered_ ABSL_GUARDED_BY(mutex_) = 1;
  // The alarm is set; whether a batch has come since it last rang.
  bool gathering_ends_ ABSL_GUARDED_BY(mutex_) = false;
  bool batches_since_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Alarm alarm_;
  std::unique_ptr<grpc::Alarm> pause_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ServeTrain(
    const models::Registry& registry, const CallResources& resources, const MethodName& name,
    grpc::CallbackServerContext* context) {
  const auto call = std::make_shared<TrainCall>(registry, resources, name, context);
  call->Start();
  return call.get();
}

}  // namespace descent::services
