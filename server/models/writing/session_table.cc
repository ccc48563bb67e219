#include "server/models/writing/session_table.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/time/clock.h"
#include "clock/steady.h"
#include "server/models/errors.h"

namespace descent::models {

namespace {

// What a session takes beside its id, with its place in the table.
constexpr std::size_t kSessionBytes = sizeof(SessionState) + sizeof(std::string) + 48;
constexpr std::size_t kForgottenBytes = 48;
// Ids that made room and are still known: four times as many as sessions.
constexpr std::size_t kForgottenForEach = 4;

// In which order sessions make room: the larger first.
std::pair<int, absl::Duration> Dispensability(const SessionState& session, absl::Time now) {
  const int kind = session.next_sequence == 1 ? 2 : session.finished ? 1 : 0;
  return {kind, now - session.last_used};
}

}  // namespace

absl::StatusOr<SessionState*> SessionTable::FindOrAdd(const std::string& id, absl::Time now) {
  if (const auto found = sessions_.find(id); found != sessions_.end()) return &found->second;
  ForgetForgotten(now);
  if (forgotten_ids_.contains(absl::HashOf(id))) return SessionForgotten(id);
  if (sessions_.size() >= limit_ && !MakeRoom(now)) return TooManySessions(limit_);
  absl::Status status = memory_.TryRaise(ByteSize() + kSessionBytes + id.capacity());
  while (!status.ok() && MakeRoom(now)) {
    status = memory_.TryRaise(ByteSize() + kSessionBytes + id.capacity());
  }
  if (!status.ok()) return status;
  SessionState& session = sessions_[id];
  session.last_used = now;
  id_bytes_ += id.capacity();
  return &session;
}

bool SessionTable::MakeRoom(absl::Time now) {
  auto least = sessions_.end();
  for (auto session = sessions_.begin(); session != sessions_.end(); ++session) {
    if (!session->second.stream.expired()) continue;
    if (least == sessions_.end() ||
        Dispensability(session->second, now) > Dispensability(least->second, now)) {
      least = session;
    }
  }
  if (least == sessions_.end()) return false;
  if (least->second.next_sequence > 1) {
    const std::size_t hash = absl::HashOf(least->first);
    if (forgotten_ids_.insert(hash).second) forgotten_.push_back({hash, now});
  }
  id_bytes_ -= std::min(id_bytes_, least->first.capacity());
  sessions_.erase(least);
  return true;
}

void SessionTable::ForgetForgotten(absl::Time now) {
  while (!forgotten_.empty() && (forgotten_.front().time + retention_ <= now ||
                                 forgotten_.size() > kForgottenForEach * limit_)) {
    forgotten_ids_.erase(forgotten_.front().hash);
    forgotten_.pop_front();
  }
}

std::size_t SessionTable::ByteSize() const {
  return sessions_.size() * kSessionBytes + id_bytes_ + forgotten_.size() * kForgottenBytes;
}

const SessionState* SessionTable::Find(const std::string& id) const {
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
                       .last_used = absl::Now() - (SteadyNow() - session.last_used)});
  }
  return records;
}

void SessionTable::Restore(const std::vector<store::SessionRecord>& records) {
  sessions_.clear();
  id_bytes_ = 0;
  for (const store::SessionRecord& record : records) {
    sessions_[record.id] = {.next_sequence = record.next_sequence,
                            .last_step = record.last_step,
                            .last_used = std::min(ToSteady(record.last_used), SteadyNow()),
                            .stream = {}};
    id_bytes_ += record.id.capacity();
  }
  memory_.Raise(ByteSize());
}

void SessionTable::EndAll(const absl::Status& status) const {
  for (const auto& [id, session] : sessions_) {
    if (const auto stream = session.stream.lock(); stream != nullptr) stream->End(status);
  }
}

void SessionTable::MarkDurable(const std::vector<store::SessionRecord>& records) const {
  for (const store::SessionRecord& record : records) {
    const SessionState* const session = Find(record.id);
    if (session == nullptr) continue;
    if (const auto stream = session->stream.lock(); stream != nullptr) {
      stream->MarkDurable(record.next_sequence - 1);
    }
  }
}

}  // namespace descent::models
