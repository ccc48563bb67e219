// Accepts the server's connections and hands them to gRPC, which would stop accepting for good once
// it is out of file descriptors (CVE-2023-4785), and has no bound on connections.
//
// Connections stay fewer than the files that the process may have open. Where there are too many,
// those go that never called or have been silent longest, of the address that has most of them.

#ifndef SERVER_OPS_ACCEPTOR_H_
#define SERVER_OPS_ACCEPTOR_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/ops/frame_filter.h"

namespace grpc::experimental {
class ExternalConnectionAcceptor;
}

namespace descent::ops {

class Acceptor {
 public:
  // Listens at HOST:PORT or unix:PATH, and accepts nothing yet. kUnavailable, with the system's
  // reason, where that can't be. `max_connections` 0: as many as the limit of open files allows.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(const std::string& address,
                                                          std::size_t max_connections,
                                                          const FrameLimits& frames);
  // Stops.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // As listened at, with the port that was picked.
  const std::string& address() const { return address_; }

  // Accepts connections from now on, on a thread of its own, and hands them to `server`, which has
  // been started.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server);

  // Accepts nothing more. The connections that there are stay.
  void Stop();

  std::size_t connections() const { return count_.load(std::memory_order_relaxed); }

 private:
  // A file descriptor, closed when destroyed.
  class File {
   public:
    explicit File(int number = -1) : number_(number) {}
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    ~File();
    int number() const { return number_; }
    // Lets go of it.
    int Release() { return std::exchange(number_, -1); }

   private:
    int number_;
  };

  // A connection that gRPC has. The file is another one of the same socket: it tells when the
  // connection is over, and ends it.
  struct Connection {
    File file;
    int socket;           // gRPC's
    std::string address;  // without the port
  };

  Acceptor(std::size_t max_connections, const FrameLimits& frames);

  absl::Status ListenAt(const std::string& host, const std::string& port);
  absl::Status ListenAtAnyIpv4(const std::string& port);
  absl::Status ListenAtPath(const std::string& path);
  absl::Status BeginListening(File socket);

  void Run();
  void Accept(int listener);
  void HandOver(File accepted, int listener);
  // Without descriptors there is no way to refuse a connection but to give one up for it.
  void RefuseOne(int listener);
  // Ends some connections, so that others find room.
  void MakeRoom();
  void Forget(int file);

  const std::size_t max_connections_;
  const FrameLimits frames_;
  std::string address_;
  std::string path_;  // of a Unix socket
  std::vector<File> listeners_;
  File events_;
  File wake_;
  File reserve_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> count_ = 0;
  std::unordered_map<int, Connection> connections_;  // the thread's
  bool was_full_ = false;                            // the thread's
  std::thread thread_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_ACCEPTOR_H_
