// The HTTP port of descentd: for probes, for what collects metrics, and for people who look.
//
// It is for few and holds off many: connections, the size of a request, the time that anything
// takes, threads and answers that wait for their clients are bounded, and its threads leave the
// processor to those that serve calls. Where there would be too many connections the ones that do
// nothing go, so that whoever fills the port keeps out no probe.

#ifndef SERVER_HTTP_PORT_H_
#define SERVER_HTTP_PORT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/http/site.h"
#include "server/ops/tls.h"

namespace descent::http {

struct PortOptions {
  std::string address = {};  // HOST:PORT, port 0 picks one, or unix:PATH
  std::size_t max_connections = 256;
  // Of them, those that wait for answers that come later. More are told to come again, so that
  // there is room for probes.
  std::size_t max_late_answers = 192;
  // Most bytes that a request may send, and what counts so many of them: what it gives is held as
  // long as they are there, and an error refuses them. Null: nobody counts.
  std::size_t max_body_bytes = std::size_t{64} << 20;
  std::function<absl::StatusOr<std::shared_ptr<const void>>(std::size_t bytes)> reserve_body =
      nullptr;
  // Answers that wait to be sent hold at most about so many bytes; what asks for more pages is told
  // to come again.
  std::size_t max_unsent_bytes = std::size_t{64} << 20;
  // See ConnectionTimes.
  absl::Duration head_time = absl::Seconds(10);
  absl::Duration idle_time = absl::Seconds(75);
  absl::Duration body_time = absl::Seconds(60);
  absl::Duration answer_time = absl::Seconds(30);
};

// Thread-safe.
class Port {
 public:
  // Answers from now on. With `tls` (null: there is none) connections are encrypted unless only
  // this machine's programs reach the address. kUnavailable, with the system's reason, when the
  // address can't be listened on. What the site's routes name must outlive this.
  static absl::StatusOr<std::unique_ptr<Port>> Start(const PortOptions& options,
                                                     const std::shared_ptr<ops::Tls>& tls,
                                                     Site site);
  // Takes no further requests, and gives those that are being answered a second or two.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // With the port that was picked.
  const std::string& address() const;
  // For a browser on this machine: "https://127.0.0.1:8080/"; a Unix socket's is its address.
  std::string url() const;

 private:
  class Impl;
  explicit Port(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace descent::http

#endif  // SERVER_HTTP_PORT_H_
