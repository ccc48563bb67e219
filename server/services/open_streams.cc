#include "server/services/open_streams.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/error.h"

namespace descent::services {

OpenStream::OpenStream(OpenStreams* streams, const std::string& peer,
                       absl::AnyInvocable<void(const absl::Status&)> end)
    : streams_(*streams), peer_(peer), end_(std::move(end)) {
  Touch();
  streams_.Add(this);
}

OpenStream::~OpenStream() { streams_.Remove(this); }

void OpenStream::Touch() {
  last_heard_.store(streams_.clock_.fetch_add(1, std::memory_order_relaxed),
                    std::memory_order_relaxed);
}

void OpenStreams::Add(OpenStream* stream) {
  const absl::MutexLock lock(&mutex_);
  Connection& connection = connections_[stream->peer_];
  stream->place_ = connection.streams.insert(connection.streams.end(), stream);
  if (++staying_ > max_streams_) EndOne();
}

void OpenStreams::Remove(OpenStream* stream) {
  const absl::MutexLock lock(&mutex_);
  const auto connection = connections_.find(stream->peer_);
  connection->second.streams.erase(stream->place_);
  if (stream->end_ == nullptr) {
    --connection->second.ending;
  } else {
    --staying_;
  }
  if (connection->second.streams.empty()) connections_.erase(connection);
}

void OpenStreams::EndOne() {
  const auto crowded = std::max_element(
      connections_.begin(), connections_.end(),
      [](const auto& a, const auto& b) { return a.second.staying() < b.second.staying(); });
  OpenStream* silent = nullptr;
  for (OpenStream* stream : crowded->second.streams) {
    if (stream->end_ == nullptr) continue;
    if (silent == nullptr || stream->last_heard_ < silent->last_heard_) silent = stream;
  }
  --staying_;
  ++crowded->second.ending;
  auto end = std::exchange(silent->end_, nullptr);
  end(WithRetryAfter(
      Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_STREAMS",
            absl::StrCat("more than ", max_streams_,
                         " streams are open; of the connection with most of them, this one was "
                         "silent longest"),
            {{"limit", absl::StrCat(max_streams_)}}),
      absl::Seconds(1)));
}

std::size_t OpenStreams::size() const {
  const absl::MutexLock lock(&mutex_);
  return staying_;
}

}  // namespace descent::services
