// Accepts the server's connections and hands them to gRPC, which would stop accepting for good once
// it is out of file descriptors (CVE-2023-4785), and has no bound on connections.
//
// Connections stay fewer than the files that the process may have open. Where there are too many,
// those go that never called or have been silent longest, of the address that has most of them.

#ifndef SERVER_OPS_ACCEPTOR_H_
#define SERVER_OPS_ACCEPTOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "server/ops/file.h"
#include "server/ops/listening.h"
#include "server/ops/watch.h"

namespace grpc::experimental {
class ExternalConnectionAcceptor;
}

namespace descent::ops {

class Acceptor {
 public:
  using ExternalConnectionAcceptor = grpc::experimental::ExternalConnectionAcceptor;

  struct Port {
    Listening listening;
    bool encrypted = false;  // then the bytes that come are looked at by watched_tls.h
  };

  // Accepts nothing yet. `max_connections`, of all ports together, 0: as many as the limit of open
  // files allows.
  Acceptor(std::vector<Port> ports, std::size_t max_connections, Watch watch);
  // Stops.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  const std::vector<Port>& ports() const { return ports_; }

  // Accepts connections from now on, on a thread of its own, and hands those of each port to that
  // port's one of `servers`, whose server has been started.
  void Start(std::vector<std::unique_ptr<ExternalConnectionAcceptor>> servers);

  // Accepts nothing more from a moment later on; others find nobody who listens. The connections
  // that there are stay, and go on to be counted until Stop.
  void StopListening();
  void Stop();
  // Ends all connections, each as if its client had. Requires Stop.
  void EndConnections();

  std::size_t connections() const { return count_.load(std::memory_order_relaxed); }

 private:
  // A connection that gRPC has. The file is another one of the same socket: it tells when the
  // connection is over, and ends it.
  struct Connection {
    File file;
    int socket;           // gRPC's
    std::string address;  // without the port
    bool encrypted;
  };

  void Wake();
  void CloseListening();
  bool AddEvents(int file, std::uint32_t events);
  void Run();
  void Accept(int listener);
  void HandOver(File accepted, int listener);
  // Without descriptors there is no way to refuse a connection but to give one up for it.
  void RefuseOne(int listener);
  // Ends some connections, so that others find room.
  void MakeRoom();
  void Forget(int file);

  const std::size_t max_connections_;
  const Watch watch_;
  File events_;
  File wake_;
  File reserve_;
  std::vector<Port> ports_;
  std::vector<std::unique_ptr<ExternalConnectionAcceptor>> servers_;
  std::unordered_map<int, std::size_t> port_of_;  // by the socket listened on
  std::atomic<bool> listening_ = true;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> count_ = 0;
  std::unordered_map<int, Connection> connections_;  // the thread's
  bool was_full_ = false;                            // the thread's
  std::thread thread_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_ACCEPTOR_H_
