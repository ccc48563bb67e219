// The batches of a training session between the caller and a durable place: numbered, sent, applied
// and let go in order.
//
//          first kept        applied          sent           next
//   let go     |   to replay    |   in flight   |   to send    |
//
// The server says how far it has come; when it comes back from a break, everything behind the place
// where it goes on is to be sent again.

#ifndef CLIENT_DESCENT_KEPT_BATCHES_H_
#define CLIENT_DESCENT_KEPT_BATCHES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "descent/v1/network_service.pb.h"

namespace descent::client {

// Not thread-safe. All sequence numbers are the session's, counted from 1.
class KeptBatches {
 public:
  // Keeps up to `max_replay_bytes` of batches that are applied but not durable.
  explicit KeptBatches(size_t max_replay_bytes) : max_replay_bytes_(max_replay_bytes) {}

  // Numbers the batch and takes it. Requires that `request` holds a batch, and a first Resume.
  void Append(v1::TrainRequest request);

  // The next batch to send, which counts as sent from now on; null if there is none.
  std::shared_ptr<const v1::TrainRequest> TakeNextToSend();
  bool has_next_to_send() const { return sent_ < last(); }

  // The server has applied everything up to `applied`, and nothing up to `durable` will be asked
  // for again. INTERNAL if that was never sent: the server breaks the contract.
  absl::Status Acknowledge(int64_t applied, int64_t durable);

  // The server goes on at `next_sequence`. The first call says where the session begins. DATA_LOSS
  // if the server needs a batch that was let go; ABORTED if it has batches that were never sent
  // from here: somebody else goes on with the session.
  absl::Status Resume(int64_t next_sequence);

  int64_t last() const { return first_kept_ + static_cast<int64_t>(batches_.size()) - 1; }
  int64_t applied() const { return applied_; }
  int64_t durable() const { return durable_; }
  int64_t unapplied() const { return last() - applied_; }

 private:
  struct Entry {
    std::shared_ptr<const v1::TrainRequest> request;
    size_t bytes;
  };

  void LetGo();

  const size_t max_replay_bytes_;
  std::deque<Entry> batches_;  // of the sequences first_kept_ ... last()
  int64_t first_kept_ = 0;     // 0: before the first Resume
  int64_t sent_ = 0;           // the last sequence sent on this stream, or applied before it
  int64_t applied_ = 0;        // the last sequence applied
  int64_t durable_ = 0;        // the last sequence durable
  size_t replay_bytes_ = 0;    // of the entries up to applied_
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_KEPT_BATCHES_H_
