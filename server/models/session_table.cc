#include "server/models/session_table.h"

#include <utility>

#include "server/models/errors.h"

namespace descent::models {

absl::StatusOr<SessionState*> SessionTable::FindOrAdd(const std::string& id, absl::Time now) {
  if (const auto found = sessions_.find(id); found != sessions_.end()) return &found->second;
  if (sessions_.size() >= limit_ && !MakeRoom(now)) return TooManySessions(limit_);
  SessionState& session = sessions_[id];
  session.last_used = now;
  return &session;
}

bool SessionTable::MakeRoom(absl::Time now) {
  auto oldest = sessions_.end();
  for (auto session = sessions_.begin(); session != sessions_.end(); ++session) {
    if (!session->second.stream.expired()) continue;
    if (oldest == sessions_.end() || session->second.last_used < oldest->second.last_used) {
      oldest = session;
    }
  }
  if (oldest == sessions_.end() || oldest->second.last_used + retention_ > now) return false;
  sessions_.erase(oldest);
  return true;
}

SessionState* SessionTable::Find(const std::string& id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

std::vector<store::SessionRecord> SessionTable::Records() const {
  std::vector<store::SessionRecord> records;
  records.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) {
    records.push_back({.id = id,
                       .next_sequence = session.next_sequence,
                       .last_step = session.last_step,
                       .last_used = session.last_used});
  }
  return records;
}

void SessionTable::Restore(const std::vector<store::SessionRecord>& records) {
  sessions_.clear();
  for (const store::SessionRecord& record : records) {
    sessions_[record.id] = {.next_sequence = record.next_sequence,
                            .last_step = record.last_step,
                            .last_used = record.last_used,
                            .stream = {}};
  }
}

std::vector<std::shared_ptr<AttachedSession>> SessionTable::Attached() const {
  std::vector<std::shared_ptr<AttachedSession>> streams;
  for (const auto& [id, session] : sessions_) {
    if (auto stream = session.stream.lock(); stream != nullptr) streams.push_back(stream);
  }
  return streams;
}

}  // namespace descent::models
