// The streams that are open, of all services: when there are too many, the one that has been silent
// longest on the connection that has most of them ends, and nobody else is refused for it.

#ifndef SERVER_SERVICES_OPEN_STREAMS_H_
#define SERVER_SERVICES_OPEN_STREAMS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace descent::services {

class OpenStreams;

// A stream's place among those that are open, from its beginning until gRPC is done with it.
class OpenStream {
 public:
  // `end` is told why the stream has to go, at most once and on any thread. It must not wait, take
  // a lock under which a stream is opened or let go, nor let this one go.
  OpenStream(OpenStreams* streams, const std::string& peer,
             absl::AnyInvocable<void(const absl::Status&)> end);
  ~OpenStream();
  OpenStream(const OpenStream&) = delete;
  OpenStream& operator=(const OpenStream&) = delete;

  // The client has been heard of.
  void Touch();

 private:
  friend class OpenStreams;

  OpenStreams& streams_;
  const std::string peer_;
  absl::AnyInvocable<void(const absl::Status&)> end_;  // null once called
  std::atomic<std::int64_t> last_heard_;               // in the order of events
  std::list<OpenStream*>::iterator place_;
};

// Thread-safe. Must outlive every stream.
class OpenStreams {
 public:
  // An idle stream costs the transport about 20 kB.
  explicit OpenStreams(std::size_t max_streams) : max_streams_(max_streams) {}

  std::size_t size() const;

 private:
  friend class OpenStream;
  struct Connection {
    std::list<OpenStream*> streams;  // of these, `ending` have been told to go
    std::size_t ending = 0;

    std::size_t staying() const { return streams.size() - ending; }
  };

  void Add(OpenStream* stream);
  void Remove(OpenStream* stream);
  void EndOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t max_streams_;
  std::atomic<std::int64_t> clock_{0};
  mutable absl::Mutex mutex_;
  std::size_t staying_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Connection> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_OPEN_STREAMS_H_
