// Where a model's training sessions stand.

#ifndef SERVER_MODELS_WRITING_SESSION_TABLE_H_
#define SERVER_MODELS_WRITING_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/models/work/memory_budget.h"
#include "server/store/records.h"

namespace descent::models {

// The stream that is attached to a session, as the tasks of the model's lane see it.
class SessionStream {
 public:
  virtual ~SessionStream() = default;

  // Applies nothing more, acknowledges what was applied, and ends the stream with `status`.
  virtual void End(const absl::Status& status) = 0;

  // A crash can no longer take back the batches up to this one.
  virtual void MarkDurable(std::int64_t sequence) = 0;
};

// One session, whether a stream is attached or not.
struct SessionState {
  std::int64_t next_sequence = 1;       // that of the batch after the last applied one
  std::int64_t last_step = 0;           // the model's step after that batch
  absl::Time last_used;                 // of SteadyNow, as every time here but those of records
  bool finished = false;                // its last stream ended as its client meant it to
  std::weak_ptr<SessionStream> stream;  // expired: none is attached
};

// Not thread-safe: used by the tasks of the model's lane alone.
class SessionTable {
 public:
  // At most `limit` sessions, counted in `memory`. When there are more, or memory is short, one
  // that has no stream makes room: first those that nothing was applied of, then those that are
  // finished, then those that were not used for longest. For `retention` it is known that they were
  // there.
  SessionTable(std::size_t limit, absl::Duration retention, MemoryCharge memory = {})
      : limit_(limit), retention_(retention), memory_(std::move(memory)) {}

  // The session of that id, new if there is none. ABORTED (SESSION_FORGOTTEN) if there was one that
  // made room: where it stood is not known any more, and beginning anew could apply batches twice.
  // RESOURCE_EXHAUSTED (TOO_MANY_SESSIONS, all in use; MEMORY_BUDGET). The pointer stays valid
  // while a stream is attached.
  absl::StatusOr<SessionState*> FindOrAdd(const std::string& id, absl::Time now);

  // Null if there is none.
  const SessionState* Find(const std::string& id) const;

  // Where the sessions stand, for a checkpoint; and from one, forgetting what was there before.
  // Streams must not be attached then.
  std::vector<store::SessionRecord> Records() const;
  void Restore(const std::vector<store::SessionRecord>& records);

  // Ends the streams that are attached.
  void EndAll(const absl::Status& status) const;
  // Tells those of these sessions that what `records` cover is durable.
  void MarkDurable(const std::vector<store::SessionRecord>& records) const;

  std::size_t size() const { return sessions_.size(); }

 private:
  // Forgets a session, if there is one without a stream.
  bool MakeRoom(absl::Time now);
  void ForgetForgotten(absl::Time now);
  std::size_t ByteSize() const;

  struct Forgotten {
    std::size_t hash = 0;  // of the id
    absl::Time time;
  };

  const std::size_t limit_;
  const absl::Duration retention_;
  MemoryCharge memory_;
  absl::node_hash_map<std::string, SessionState> sessions_;
  std::size_t id_bytes_ = 0;
  std::deque<Forgotten> forgotten_;  // oldest first
  absl::flat_hash_set<std::size_t> forgotten_ids_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_SESSION_TABLE_H_
