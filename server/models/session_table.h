// Where a model's training sessions stand.

#ifndef SERVER_MODELS_SESSION_TABLE_H_
#define SERVER_MODELS_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/records.h"

namespace descent::models {

class AttachedSession;

// One session, whether a stream is attached or not.
struct SessionState {
  std::int64_t next_sequence = 1;  // behind the last applied batch
  std::int64_t last_step = 0;      // the model's step after that batch
  absl::Time last_used;
  std::weak_ptr<AttachedSession> stream;  // expired: none is attached
};

// Not thread-safe: used by the tasks of the model's lane alone.
class SessionTable {
 public:
  // At most `limit` sessions; when full, one that was not used for `retention` makes room.
  SessionTable(std::size_t limit, absl::Duration retention)
      : limit_(limit), retention_(retention) {}

  // The session of that id, new if there is none. RESOURCE_EXHAUSTED (TOO_MANY_SESSIONS). The
  // pointer stays valid while a stream is attached.
  absl::StatusOr<SessionState*> FindOrAdd(const std::string& id, absl::Time now);

  // Null if there is none.
  SessionState* Find(const std::string& id);

  // Where the sessions stand, for a checkpoint; and from one, forgetting what was there before.
  // Streams must not be attached then.
  std::vector<store::SessionRecord> Records() const;
  void Restore(const std::vector<store::SessionRecord>& records);

  // The streams that are attached.
  std::vector<std::shared_ptr<AttachedSession>> Attached() const;

  std::size_t size() const { return sessions_.size(); }

 private:
  // Forgets the session that was not used for longest, if that is long enough.
  bool MakeRoom(absl::Time now);

  const std::size_t limit_;
  const absl::Duration retention_;
  absl::node_hash_map<std::string, SessionState> sessions_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_SESSION_TABLE_H_
