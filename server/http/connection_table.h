// The connections of a port: which there are, and which goes when there are too many.

#ifndef SERVER_HTTP_CONNECTION_TABLE_H_
#define SERVER_HTTP_CONNECTION_TABLE_H_

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/http/connection.h"

namespace descent::http {

// Thread-safe, but for what it does with connections: that is for the thread which they are on.
class ConnectionTable {
 public:
  void Add(const std::shared_ptr<Connection>& connection);
  void Remove(const Connection* connection);
  std::size_t size() const;

  // Closes the connection that can best be done without: of the address that has most of them, one
  // whose client sends nothing, or else takes nothing, for longest. False if all are being
  // answered.
  bool CloseOne();

  std::vector<std::shared_ptr<Connection>> All() const;

 private:
  mutable absl::Mutex mutex_;
  std::unordered_map<const Connection*, std::weak_ptr<Connection>> connections_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::http

#endif  // SERVER_HTTP_CONNECTION_TABLE_H_
