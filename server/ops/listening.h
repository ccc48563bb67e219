// Sockets that are listened on for one address.

#ifndef SERVER_OPS_LISTENING_H_
#define SERVER_OPS_LISTENING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/ops/file.h"

namespace descent::ops {

class Listening {
 public:
  // Listens at HOST:PORT, on all addresses of a name, or at unix:PATH. Connections wait from now on
  // and are accepted by whoever has the sockets. kUnavailable, with the system's reason, where that
  // can't be.
  static absl::StatusOr<Listening> At(const std::string& address);
  Listening(Listening&& other) noexcept;
  Listening& operator=(Listening&&) = delete;
  // Takes a Unix socket's name away again.
  ~Listening();

  // As listened at, with the port that was picked.
  const std::string& address() const { return address_; }
  // None once Close has been called.
  const std::vector<File>& sockets() const { return sockets_; }

  // New connections are refused.
  void Close() { sockets_.clear(); }

 private:
  Listening() = default;

  absl::Status AtHost(const std::string& host, const std::string& port);
  absl::Status AtAnyIpv4(const std::string& port);
  absl::Status AtPath(const std::string& path);
  absl::Status Begin(File socket);

  std::string address_;
  std::string path_;  // of a Unix socket
  std::vector<File> sockets_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_LISTENING_H_
