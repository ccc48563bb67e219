// Training on a stream of batches that survives broken connections and restarted servers.
//
//   ASSIGN_OR_RETURN(auto session, client.Train("house", {.on_ack = PrintLoss}));
//   for (v1::Batch& batch : batches) RETURN_IF_ERROR(session->Send(std::move(batch)));
//   ASSIGN_OR_RETURN(TrainingProgress progress, session->Finish());
//
// Batches are numbered from the session's `next_sequence`, 1 for a new session. The session keeps
// each batch until the server says that it is durable; when the stream breaks it connects again,
// asks the server where to go on and sends what the server does not have, so each batch is applied
// exactly once. An ack that was lost on the way never comes: its batches count in TrainingProgress,
// but on_ack does not hear of them.

#ifndef CLIENT_DESCENT_TRAINING_SESSION_H_
#define CLIENT_DESCENT_TRAINING_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "descent/v1/network_service.pb.h"

namespace descent::client {

struct TrainingOptions {
  // Names the session among the model's; the id of an earlier session goes on with it. At most 128
  // bytes. Empty: a random one, for a new session.
  std::string session_id = {};
  // The step that the model must be at when the session opens: otherwise ABORTED (STEP_MISMATCH).
  std::optional<int64_t> expected_step = {};
  // The most batches that one ack covers; 0: an ack for every batch. Larger values save work at
  // both ends and hear of the loss less often.
  int32_t ack_every = 0;

  // How long to go on trying while no server can be reached or none takes the session.
  absl::Duration give_up_after = absl::Minutes(2);
  // The most bytes of applied but not yet durable batches to keep for a server that comes back
  // without them. Beyond this the oldest are let go, and a server that asks for them ends the
  // session with DATA_LOSS. Only models whose durability is not JOURNAL have such batches for long.
  size_t max_kept_bytes = size_t{256} << 20;

  // Called on a thread of the session, one call at a time: for every ack, and for every break that
  // the session is about to mend (with its cause). They may take their time, which holds up the
  // reading of further acks, and may call progress() and Cancel(), but not Send() or Finish().
  std::function<void(const v1::TrainAck& ack)> on_ack = {};
  std::function<void(const absl::Status& cause)> on_break = {};
};

struct TrainingProgress {
  int64_t sent_sequence = 0;     // the last batch taken by Send
  int64_t applied_sequence = 0;  // the last batch that the server is known to have applied
  int64_t durable_sequence = 0;  // the last batch that a crash of the server can't take back
  int64_t step = 0;              // the model's step as last heard of
  int64_t batches = 0;           // sent by this object and applied
  int64_t rows = 0;              // of the batches that acks have told of
  double loss = 0;               // of the last ack
  int64_t breaks = 0;            // times that the stream broke and was opened again
};

// One session of Client::Train. Send is called by one thread at a time; the rest is thread-safe.
class TrainingSession {
 public:
  virtual ~TrainingSession() = default;  // Cancel(), and waits for the session's threads

  virtual const std::string& session_id() const = 0;
  // The sequence number of the next batch. Right after opening it says where an earlier session of
  // the same id stands: everything before it has been applied.
  virtual int64_t next_sequence() const = 0;

  // Takes the next batch, to be sent soon. Waits while the server's window of unacknowledged
  // batches is full, also while the connection is being mended. An error is final: the session is
  // over, and every later call returns the same. The server's own errors say in their metadata
  // which `sequence` they are about; batches before it stay applied.
  absl::Status Send(v1::Batch batch) { return Send(std::move(batch), std::nullopt); }
  // The same at another learning rate than the schedule's; nullopt: at the schedule's.
  virtual absl::Status Send(v1::Batch batch, std::optional<double> learning_rate) = 0;

  // Ends the session in order: waits until everything sent is applied, durable as the model
  // promises, and acknowledged. No Send may follow.
  virtual absl::StatusOr<TrainingProgress> Finish() = 0;

  // Ends the session now: Send and Finish return CANCELLED, from whichever thread they wait in. The
  // server drops what it has not applied; the session can be gone on with by its id.
  virtual void Cancel() = 0;

  virtual TrainingProgress progress() const = 0;
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_TRAINING_SESSION_H_
