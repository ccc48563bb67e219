// The training session of Client::Train.
//
// Two threads: the session's own opens one stream after another and reads acks; for as long as a
// stream lives, a second one writes to it. Send only queues, so batches that come faster than a
// write takes leave together.

#ifndef CLIENT_DESCENT_RESUMING_SESSION_H_
#define CLIENT_DESCENT_RESUMING_SESSION_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/descent/backoff.h"
#include "client/descent/connection.h"
#include "client/descent/kept_batches.h"
#include "client/descent/training_session.h"
#include "clock/steady.h"
#include "descent/v1/network_service.pb.h"

namespace descent::client {

class ResumingSession final : public TrainingSession {
 public:
  // As Client::Train.
  static absl::StatusOr<std::unique_ptr<TrainingSession>> Open(
      std::shared_ptr<const Connection> connection, std::string model, TrainingOptions options);

  ~ResumingSession() override;

  const std::string& session_id() const override { return options_.session_id; }
  int64_t next_sequence() const override;
  absl::Status Send(v1::Batch batch, std::optional<double> learning_rate) override;
  absl::StatusOr<TrainingProgress> Finish() override;
  void Cancel() override;
  TrainingProgress progress() const override;

 private:
  using Stream = grpc::ClientReaderWriter<v1::TrainRequest, v1::TrainResponse>;

  ResumingSession(std::shared_ptr<const Connection> connection, std::string model,
                  TrainingOptions options);

  // Waits for the first `ready`.
  absl::Status WaitUntilOpen();

  // The session's thread: streams and pauses until the session is over.
  void Run();
  // One stream from its start to its end. OK if the session ended in order.
  absl::Status RunStream();
  // What happens on a stream between its start and its end, with its context. OK if the stream
  // ended by itself; an error if the server broke the contract or can't be served any more.
  absl::Status Converse(grpc::ClientContext& context, Stream& stream);
  v1::TrainRequest MakeStart() const;
  // The stream's writing thread.
  void WriteBatches(Stream& stream);

  absl::Status HandleReady(const v1::TrainResponse& response);
  absl::Status HandleAck(const v1::TrainResponse& response);

  // After a stream's end: the pause before the next one, or nothing if the session is over.
  std::optional<absl::Duration> Judge(const absl::Status& end, Backoff& backoff);
  // Waits before the next stream, unless the session is cancelled.
  void Pause(absl::Duration duration);

  TrainingProgress CurrentProgress() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<const Connection> connection_;
  const std::string model_;
  const TrainingOptions options_;

  mutable absl::Mutex mutex_;
  absl::CondVar to_writer_;  // something to send, or nothing any more
  SteadyCondVar to_others_;  // ready, room in the window, cancelled, over

  KeptBatches batches_ ABSL_GUARDED_BY(mutex_);
  TrainingProgress progress_ ABSL_GUARDED_BY(mutex_);   // what batches_ does not know
  int64_t first_sequence_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: the server was never ready
  int64_t window_ ABSL_GUARDED_BY(mutex_) = 0;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // When (by SteadyNow) the trouble began that has not been overcome yet.
  absl::Time trouble_since_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mutex_);  // set when the session is over

  // Of the stream that there is.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;        // the server takes batches
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;  // no batch will follow
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;        // nothing can be written any more

  std::thread thread_;
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_RESUMING_SESSION_H_
