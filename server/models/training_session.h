// One training stream: batches in, acknowledgements out, each batch applied exactly once however
// often streams break.

#ifndef SERVER_MODELS_TRAINING_SESSION_H_
#define SERVER_MODELS_TRAINING_SESSION_H_

#include "absl/status/status.h"
#include "server/models/commands.h"

namespace descent::models {

// The stream's end of a session. Calls come one at a time, in the order below, on any thread, maybe
// on the one that is inside a call to the session; they must not block. No lock is held.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;

  // First, and once: the stream may read its first batch.
  virtual void OnReady(const TrainReady& ready) = 0;

  // The next batch is done with, in the order in which they were submitted: before the
  // acknowledgement that covers it.
  virtual void OnApplied() {}

  virtual void OnAck(const TrainAck& ack) = 0;

  // After a Submit that returned false: the stream may read its next batch. May come beside other
  // calls, and after OnFinished.
  virtual void OnCapacity() = 0;

  // Last, and once, unless the session was detached before: everything applied is acknowledged.
  virtual void OnFinished(absl::Status status) = 0;
};

// A stream attached to a model's session. Thread-safe; Submit, HalfClose and Fail are called one at
// a time.
//
// Ends, by OnFinished, with OK after HalfClose; with the status given to Fail; with OUT_OF_RANGE
// (SEQUENCE_GAP) or the error of a batch that can't be applied, naming its sequence; with ABORTED
// (STEP_MISMATCH) when the model is not at the start's expected step, ABORTED (SESSION_TAKEN_OVER)
// when a newer stream attached to the same session; with NOT_FOUND when the model is deleted, and
// with UNAVAILABLE when the server drains. Batches before the one at fault stay applied and are
// acknowledged first; batches after it are dropped.
class TrainingSession {
 public:
  virtual ~TrainingSession() = default;

  // Takes the next batch. True: the stream may read another one at once. False: the window is full,
  // others have their turn, or the session is over, and OnCapacity (or OnFinished) will follow,
  // possibly before this returns. Requires OnReady, and capacity.
  virtual bool Submit(TrainBatchCommand command) = 0;

  // No batch will follow: OnFinished(OK) once everything submitted is applied, as durable as the
  // model promises and acknowledged.
  virtual void HalfClose() = 0;

  // As HalfClose, but ends with `status`: for a message that could not be decoded.
  virtual void Fail(absl::Status status) = 0;

  // The stream is gone: what has not been applied is dropped, the session's position is kept, and
  // no call to the observer begins any more.
  virtual void Detach() = 0;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_TRAINING_SESSION_H_
